"""Closing quotes and brackets that the SQL editor adds, and which of them are one too many.

The editor closes every quote and bracket that is opened, but does not step over its own closing one when
that is typed too: ``'git'`` becomes ``'git'''``. It cannot be told to leave that; so changes are followed.
"""

from typing import Final

_PAIRS: Final = ("()", "[]", "{}", "''", '""', "``")
_CLOSING: Final = ")]}"


class Typing:
    """Follows the text of the editor; ``clean`` is that text without the closing signs that are too many."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._caret = len(text)
        self._open: set[int] = set()  # places of signs that the editor put there and nobody has typed yet
        self._surplus: set[int] = set()

    def reset(self, text: str) -> None:
        """Begin anew with a text that nobody typed."""
        self.text, self._caret, self._open, self._surplus = text, len(text), set(), set()

    @property
    def untidy(self) -> bool:
        """Whether something is one too many."""
        return bool(self._surplus)

    @property
    def clean(self) -> str:
        """The text as it was meant."""
        return self.part(0, len(self.text))

    def part(self, start: int, end: int) -> str:
        """Return what was meant by a part of the text."""
        return "".join(self.text[place] for place in range(start, end) if place not in self._surplus)

    def tidy(self, caret: int) -> int:
        """Go on from the clean text; return where in it the caret is."""

        def moved(place: int) -> int:
            return place - sum(one < place for one in self._surplus)

        caret, opened = moved(caret), {moved(place) for place in self._open}
        self.text, self._open, self._surplus, self._caret = self.clean, opened, set(), caret
        return caret

    def at(self, place: int) -> None:
        """Note where the next change is likely to be."""
        self._caret = place

    def take(self, text: str) -> None:
        """Take the text after one change of it."""
        before, self.text = self.text, text
        start = _shared(before, text)
        end = _shared(before[start:][::-1], text[start:][::-1])
        gone, added = len(before) - end - start, len(text) - end - start
        if gone and added:
            self._open, self._surplus = (
                _moved(one, start, gone, added) for one in (self._open, self._surplus)
            )
            self._caret = start + added
        elif added:
            self._inserted(_nearest(text, start, added, self._caret), added)
        elif gone:
            self._removed(_nearest(before, start, gone, self._caret - gone), gone, before)

    def _inserted(self, start: int, length: int) -> None:
        added = self.text[start : start + length]
        self._open = _moved(self._open, start, 0, length)
        self._surplus = _moved(self._surplus, start, 0, length)
        self._caret = start + (1 if added in _PAIRS else length)
        waiting = self._waiting(start + length)
        if added in _PAIRS:
            closed = _up_to(self.text, waiting, added[0]) if added[0] == added[1] else []
            if closed:
                self._too_many(start + 1, *closed)
            else:
                self._open.add(start + 1)
        elif len(added) == 1 and added in _CLOSING and waiting and self.text[waiting[0]] == added:
            self._too_many(waiting[0])

    def _removed(self, start: int, length: int, before: str) -> None:
        self._open = _moved(self._open, start, length, 0)
        self._surplus = _moved(self._surplus, start, length, 0)
        self._caret = start
        waiting = self._waiting(start)
        if length == 1 and waiting and before[start] + self.text[waiting[0]] in _PAIRS:
            self._too_many(waiting[0])

    def _waiting(self, place: int) -> list[int]:
        """Return the places of the signs that follow next and that the editor put there, untyped."""
        found: list[int] = []
        while place in self._surplus or place in self._open:
            if place in self._open:
                found.append(place)
            place += 1
        return found

    def _too_many(self, *places: int) -> None:
        self._open.difference_update(places)
        self._surplus.update(places)


def _up_to(text: str, places: list[int], quote: str) -> list[int]:
    """Return the first places up to a closing ``quote``: within it, brackets need none."""
    for number, place in enumerate(places):
        if text[place] == quote:
            return places[: number + 1]
        if text[place] not in _CLOSING:
            break
    return []


def _nearest(text: str, start: int, length: int, wanted: int) -> int:
    """Return where a piece of ``text`` came or went: at ``wanted`` if that gives the same text."""
    least = start
    while least > 0 and text[least - 1] == text[least - 1 + length]:
        least -= 1
    return wanted if least <= wanted <= start else start


def _shared(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((place for place in range(length) if one[place] != other[place]), length)


def _moved(places: set[int], start: int, gone: int, added: int) -> set[int]:
    return {
        place if place < start else place - gone + added
        for place in places
        if place < start or place >= start + gone
    }
