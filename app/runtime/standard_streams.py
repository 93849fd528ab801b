"""Standard output and error that cannot end a program: whoever read them may have gone, or read no more.

A pipe that was closed, a full disk, a terminal that was closed and a file that was closed from the start cost
lines, never the work and never the exit code.
"""

import io
import os
import select
import stat
import sys
from typing import TextIO, cast

STANDARD = (0, 1, 2)
PATIENCE_S = 1.0
"""How long a line waits for a reader that does not read; after that lines are dropped until one does."""
PART_BYTES = 4096
"""So much fits into a pipe that is ready to be written to; more at once could wait for its reader."""


class LastingStream(io.TextIOWrapper):
    """A stream of text whose failures lose what was to be written, and nothing else."""

    def __init__(self, file: int, encoding: str) -> None:
        raw = io.FileIO(file, "w", closefd=False)
        super().__init__(io.BufferedWriter(raw), encoding)
        self._file = file
        self._waits = not stat.S_ISREG(os.fstat(file).st_mode)
        self._patience_s = PATIENCE_S

    def write(self, text: str) -> int:
        """Write, where somebody reads; return how much was to be written."""
        data = text.encode(self.encoding, "backslashreplace")
        while data and self._is_ready():
            try:
                # Not through a buffer: what cannot be written now would be tried again for ever.
                data = data[os.write(self._file, data[:PART_BYTES]) :]
            except OSError:
                break
        return len(text)

    def flush(self) -> None:
        """Do nothing: all is written at once."""

    def _is_ready(self) -> bool:
        """Return whether writing does not wait; a pipe that nobody empties would hold the program up."""
        if not self._waits:
            return True
        try:
            _, ready, _ = select.select([], [self._file], [], self._patience_s)
        except (OSError, ValueError):
            return True  # The write says what is wrong.
        self._patience_s = PATIENCE_S if ready else 0.0
        return bool(ready)


def protect() -> None:
    """Make standard output and error such streams; call it first, before any file is opened."""
    for file in STANDARD:
        try:
            os.fstat(file)
        except OSError:
            # Closed by whoever started this. The next file that is opened would take its place, and what
            # is printed would be written into it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _lasting(sys.stdout, 1)
    sys.stderr = _lasting(sys.stderr, 2)


def _lasting(stream: TextIO | None, file: int) -> TextIO:
    if stream is not None:
        stream.flush()
    return cast(TextIO, LastingStream(file, stream.encoding if stream is not None else "utf-8"))
