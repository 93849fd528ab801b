"""Delays the reordering of a live table: seldom, and never below a pointer that rests on it."""

import asyncio
from collections.abc import Callable

SETTLE_S = 4.0
"""Live values re-sort the rows at most this often."""
HOLD_S = 20.0
"""A pointer that rests on the rows holds their order so long; that it has left is not always told."""


class ReorderDelay:
    """Has ``settle`` put the rows in order when their time has come; ``end`` it with the table."""

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._held_until_s = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def held(self) -> bool:
        """Whether the pointer holds the order."""
        return self._held_s() > 0

    def hold(self) -> None:
        """Note that the pointer is on the rows."""
        self._held_until_s = asyncio.get_running_loop().time() + HOLD_S

    def let_go(self) -> None:
        """Note that the pointer has left the rows."""
        self._held_until_s = 0.0

    def settle_later(self, *, anew: bool = False) -> None:
        """Have the rows put in order before long; ``anew`` counts from now, also where that is on its way."""
        waiting = self._timers.pop("settle", None) if anew else None
        if waiting is not None:
            waiting.cancel()
        self.once("settle", SETTLE_S, self._on_settle)

    def once(self, name: str, after_s: float, run: Callable[[], None]) -> None:
        """Run something in a while, unless what has this name is on its way already."""
        if name in self._timers:
            return

        def fire() -> None:
            self._timers.pop(name, None)
            run()

        self._timers[name] = asyncio.get_running_loop().call_later(after_s, fire)

    def end(self) -> None:
        """Let nothing of it happen any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _on_settle(self) -> None:
        held_s = self._held_s()
        if held_s > 0:
            self.once("settle", held_s, self._on_settle)
        else:
            self._settle()

    def _held_s(self) -> float:
        return self._held_until_s - asyncio.get_running_loop().time()
