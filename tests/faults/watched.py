"""Runs the console and tells how many tasks it has: ``python -m tests.faults.watched FILE WORDS...``.

A console tells nobody of its tasks, so that they are counted from inside.
"""

import asyncio.tasks
import sys
import threading
from pathlib import Path

from app import __main__ as commands

EVERY_S = 1.0


def open_tasks() -> int:
    """Return how many tasks of all loops of this process have not ended; from any thread."""
    while True:
        try:
            return sum(not task.done() for task in list(asyncio.tasks._all_tasks))
        except RuntimeError:
            pass  # one was added just now


def _tell(file: Path, ended: threading.Event) -> None:
    draft = file.with_suffix(".new")
    while not ended.wait(EVERY_S):
        draft.write_text(str(open_tasks()))
        draft.replace(file)


def main() -> int:
    """Run until the console ends; return its exit code."""
    ended = threading.Event()
    threading.Thread(target=_tell, args=(Path(sys.argv[1]), ended), daemon=True).start()
    try:
        return commands.main(sys.argv[2:])
    finally:
        ended.set()


if __name__ == "__main__":
    sys.exit(main())
