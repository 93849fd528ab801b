"""An asyncio loop in virtual time: tasks, sleeps and time-outs run unmodified, and nobody waits."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class IdleForEver(RuntimeError):
    """Everything waits for something that no timer will bring."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, adds what it was asked to wait to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise IdleForEver("virtual loop is idle: a coroutine waits for something that never comes")
        self.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose ``time()`` jumps to the next timer; not for worker threads, which it would outrun."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual seconds since the start, in whole microseconds."""
        return round(self._jumping.now_s, 6)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on a loop of its own in virtual time; return its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
