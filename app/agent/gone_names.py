"""Names that a scan finds gone, without those that are only on a disk that is missing."""

from app.agent.found import Step
from app.agent.index import Index
from app.agent.names import is_within
from app.agent.sources import NOT_MOUNTED, Sources


class GoneNames:
    """Collects what is gone between two steps of a scan."""

    def __init__(self, index: Index, sources: Sources) -> None:
        self._index, self._sources = index, sources
        self.names: list[bytes] = []

    def take(self) -> list[bytes]:
        """Return what was collected, and begin anew."""
        taken, self.names = self.names, []
        return taken

    def add(self, path: bytes) -> None:
        """Note one name."""
        self.names.append(path)

    def add_below(self, path: bytes, *, keep: bytes | None = None) -> None:
        """Note all that is known below a folder whose content is left out, but for one name."""
        self.names += [below for below in self._index.below(path) if below != keep]

    def lose_below(self, path: bytes, step: Step) -> bool:
        """Note what was in a folder that is gone; return whether no disk is missing from it."""
        missing = self._sources.missing_below(path)
        step.missing += [(lost, NOT_MOUNTED) for lost in missing]
        # What leads to a missing disk stays with it.
        self.names += [
            below
            for below in self._index.below(path)
            if not any(is_within(below, lost) or is_within(lost, below) for lost in missing)
        ]
        return not missing

    def end(self, path: bytes) -> None:
        """Note what is known of a path that is not backed up any more."""
        known = [*self._index.below(path), *([path] if self._index.knows(path) else [])]
        self._sources.forget(path)
        self.names += [each for each in known if not self._sources.is_backed_up(each)]
