"""The steps of a start, told on the standard error as they begin, and again while one takes long."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import monotonic

AGAIN_S = 5.0
"""A step that goes on is told again after so long."""


def write_line(text: str) -> None:
    """Write a line for whoever waits; nobody may be there to read it."""
    try:
        sys.stderr.write(f"tidewatch: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # closed: then the start goes on unseen
        return


class StartReport:
    """Tells each step in a line of its own; ``write`` takes the lines."""

    def __init__(self, write: Callable[[str], None] = write_line) -> None:
        self._write = write

    def tell(self, text: str) -> None:
        """Tell a step that begins."""
        self._write(f"{text}…")

    @asynccontextmanager
    async def step(self, text: str) -> AsyncGenerator[None]:
        """Tell a step, and every few seconds that it still goes on."""
        self.tell(text)
        telling = asyncio.create_task(self._tell_again(text), name=f"report of {text}")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait((telling,))

    async def _tell_again(self, text: str) -> None:
        began_s = monotonic()
        while True:
            await asyncio.sleep(AGAIN_S)
            self._write(f"still {text} ({monotonic() - began_s:.0f} s)…")
