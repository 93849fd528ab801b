"""Keys in the order of a sort, kept so that the pages beside one need not sort again."""

from collections.abc import Mapping, Sequence

from streams.model.database import Key

KEPT_ORDERS = 16


class Run:
    """Keys that follow each other in one order."""

    def __init__(self, keys: Sequence[Key], *, to_the_end: bool, from_the_start: bool) -> None:
        self.keys = keys
        self.to_the_end, self.from_the_start = to_the_end, from_the_start
        self._places = {key: place for place, key in enumerate(keys)}

    @property
    def total(self) -> int | None:
        """How many there are; None where not all are known."""
        return len(self.keys) if self.to_the_end and self.from_the_start else None

    def first(self, count: int) -> Sequence[Key] | None:
        """Return the first ``count`` keys of the order; None where these are not known."""
        return self.keys[:count] if self.from_the_start else None

    def after(self, key: Key, count: int) -> Sequence[Key] | None:
        """Return ``count`` keys after one of them; None where these are not all known."""
        place = self._places.get(key)
        if place is None:
            return None
        found = self.keys[place + 1 : place + 1 + count]
        return found if len(found) == count or self.to_the_end else None

    def before(self, key: Key, count: int) -> Sequence[Key] | None:
        """Return ``count`` keys before one of them, the nearest first."""
        place = self._places.get(key)
        if place is None or (place < count and not self.from_the_start):
            return None
        return self.keys[max(0, place - count) : place][::-1]


class KeptOrders:
    """The last sorts of one connection, of one state of the database."""

    def __init__(self) -> None:
        self._state: object = None
        self._runs: dict[tuple[object, ...], Run] = {}

    def at(self, state: object) -> Mapping[tuple[object, ...], Run]:
        """Return what is kept of this state; nothing of another one."""
        if state != self._state:
            self._runs.clear()
            self._state = state
        return self._runs

    def keep(self, order: tuple[object, ...], run: Run) -> None:
        """Keep keys of the present state, and forget the oldest of too many orders."""
        self._runs.pop(order, None)
        self._runs[order] = run
        while len(self._runs) > KEPT_ORDERS:
            del self._runs[next(iter(self._runs))]
