"""A ZIP archive that is given away while it is made: no file of it is held in memory or on a disk."""

import io
import zipfile
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from streams.model.file_names import safe_name

Pieces = Callable[[], AsyncGenerator[bytes]]
"""Opens something that is read in pieces, from its start."""

FIRST_YEAR, LAST_YEAR = 1980, 2107
"""Years that a ZIP archive can tell."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    path: str
    """Its folders and its name, parted by slashes."""
    modified_at: datetime
    """In the zone in which the archive is to tell it: ZIP knows no zones."""
    pieces: Pieces


async def zipped(entries: Iterable[Entry]) -> AsyncGenerator[bytes]:
    """Give the pieces of an archive with these files, as they come.

    What reading a file raises ends the archive before its directory is written: nothing opens what came so
    far. Contents are not compressed; sizes beyond 4 GiB are told in ZIP64.
    """
    sink = _Sink()
    taken: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        try:
            for entry in entries:
                info = zipfile.ZipInfo(free_path(entry.path, taken), _zip_time(entry.modified_at))
                info.external_attr = 0o644 << 16
                with archive.open(info, "w", force_zip64=True) as file:
                    async with aclosing(entry.pieces()) as pieces:
                        async for piece in pieces:
                            file.write(piece)
                            yield sink.taken()
        except BaseException:
            # Closing it would write a directory, and make it look whole.
            archive.fp = None
            raise
    yield sink.taken()


def free_path(path: str, taken: set[str]) -> str:
    """Return the path with names that every system takes, another than all before; note it as taken.

    Compared without regard to case, as many disks do.
    """
    parts = [safe_name(part) for part in path.split("/") if part not in ("", ".", "..")] or ["file"]
    folder, name = "/".join(parts[:-1]), parts[-1]
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    found, number = "/".join((*parts[:-1], name)), 2
    while found.casefold() in taken:
        found = "/".join(filter(None, (folder, f"{stem} ({number}){dot}{suffix}")))
        number += 1
    taken.add(found.casefold())
    return found


def _zip_time(at: datetime) -> tuple[int, int, int, int, int, int]:
    if at.year < FIRST_YEAR:
        return FIRST_YEAR, 1, 1, 0, 0, 0
    if at.year > LAST_YEAR:
        return LAST_YEAR, 12, 31, 23, 59, 58
    return at.year, at.month, at.day, at.hour, at.minute, at.second


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken; cannot go back."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()

    def writable(self) -> bool:
        """Return that it takes bytes."""
        return True

    def write(self, data: object) -> int:
        """Keep further bytes."""
        before = len(self._kept)
        self._kept += data  # type: ignore[operator]
        return len(self._kept) - before

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        kept, self._kept = bytes(self._kept), bytearray()
        return kept
