"""The revision of this client's tree at the server, followed through replies that come in any order."""


class Revisions:
    """Several requests may be under way: each reply says which revision it made of which.

    ``known`` is that of which every change has been noted here. A change that somebody else made is missing
    in between, and ``known`` then stays where it was: the next backup finds that the server has another one.
    """

    def __init__(self, known: str) -> None:
        self.known = known
        self._later: dict[str, str] = {}

    def note(self, before: str, after: str) -> str:
        """Note that a change of ours turned ``before`` into ``after``; return what is known now."""
        if before != after:
            self._later[before] = after
        while self.known in self._later:
            self.known = self._later.pop(self.known)
        return self.known
