"""Names that are gone, kept until everything new has arrived.

A name is told as vanished last, so that a rename that is cut in the middle has the old name or the new one.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile

IN_MEMORY_BYTES = 16 * 1024 * 1024
PART_BYTES = 1024 * 1024
END = b"\0"
"""No name of a file holds it."""


class VanishedNames:
    """Paths in the order in which they were found; many of them are kept on the disk."""

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._adding = asyncio.Lock()

    async def add(self, paths: Iterable[bytes]) -> None:
        """Keep paths for later."""
        async with self._adding:
            if self._file is None:
                self._file = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115  (closed with this)
            await asyncio.to_thread(self._file.write, b"".join(path + END for path in paths))

    def parts(self, size: int) -> Iterator[list[bytes]]:
        """Return all paths, so many at once; reads the disk."""
        if self._file is not None:
            self._file.seek(0)
            paths = _paths(self._file)
            while part := list(islice(paths, size)):
                yield part

    def close(self) -> None:
        """Forget everything."""
        if self._file is not None:
            self._file.close()


def _paths(file: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    rest = b""
    while data := file.read(PART_BYTES):
        *whole, rest = (rest + data).split(END)
        yield from whole
