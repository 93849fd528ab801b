"""The console, with each turn of its event loop timed.

``python -m tests.benchmarks.timed_console FILE WORDS``: what takes longer than ``LONG_S`` is one line of JSON
in FILE: how long, until when (s since 1970), and of what.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from app.__main__ import main

LONG_S = 0.02


def time_turns(out: TextIO) -> None:
    """Time every callback of every loop of this process from now on."""
    plain = asyncio.Handle._run

    def run(self: asyncio.Handle) -> None:
        start = time.perf_counter()
        plain(self)
        if (taken := time.perf_counter() - start) > LONG_S:
            out.write(json.dumps({"taken_s": taken, "until_s": time.time(), "what": _named(self)}) + "\n")
            out.flush()

    asyncio.Handle._run = run  # type: ignore[method-assign]


def _named(handle: asyncio.Handle) -> str:
    """Return the name of the callback; of a step of a task, its coroutine and where that stands."""
    callback: Any = getattr(handle, "_callback", None)
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return f"{task.get_name()}: {getattr(task.get_coro(), '__qualname__', task.get_coro())}"
    return str(getattr(callback, "__qualname__", callback))


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("w") as file:
        time_turns(file)
        sys.exit(main())
