"""Ends a server when it is told to: at any moment of its life, and never later than that."""

import asyncio
import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

END_S = 1.6
"""How long all of the end may take; then the process goes as it is, which loses nothing acknowledged."""
INTERRUPTED = 130


class Ending:
    """What SIGTERM and SIGINT do: break off a start, or set ``stop`` once ``begun`` was called."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.exit_code = INTERRUPTED
        self._task: asyncio.Task[None] | None = None
        self._closed = threading.Event()
        self._limit: threading.Thread | None = None

    @contextmanager
    def heard(self) -> Generator[None]:
        """Hear the signals while a block runs; a start broken off is no failure."""
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told)
        try:
            yield
        except asyncio.CancelledError:
            if self._limit is None:
                raise

    def begun(self) -> None:
        """Say that the start is over: from now on the end is an orderly one."""
        self.exit_code = 0

    def closed(self) -> None:
        """Say that everything is closed and no thread works any more."""
        self._closed.set()

    def _told(self) -> None:
        if self._limit is None:
            # A thread, since what hangs may be the loop itself, or a thread of work that none can break off.
            self._limit = threading.Thread(target=self._cut, name="ending", daemon=True)
            self._limit.start()
            if self.exit_code == INTERRUPTED and self._task is not None:
                self._task.cancel()
        self.stop.set()

    def _cut(self) -> None:
        if not self._closed.wait(END_S):
            os._exit(self.exit_code)
