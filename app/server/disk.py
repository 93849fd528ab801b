"""The disk under the data folder, and what uploads leave free on it for the server itself."""

import asyncio
import shutil
from pathlib import Path

import msgspec
import structlog

from app.server.problems import Refused
from streams.model.server import ServerStatus
from streams.model.vocabulary import DiskRoom

log = structlog.stdlib.get_logger(__name__)

CHECK_BYTES = 4 * 1024 * 1024
"""How much of one upload may come before the disk is looked at again."""
MIB = 1024 * 1024
_WORSE = tuple(DiskRoom)
SPARE_RATIO = 0.1
"""How much more than a limit must be free before it counts as kept again."""


class DiskWatch:
    """Says in the log when the disk runs full, and when it has room again; each once.

    A limit that was passed counts as passed until a tenth more than it is free, so that what comes and goes
    at the limit is not told each time.
    """

    def __init__(self) -> None:
        self._room = DiskRoom.ENOUGH

    def take(self, status: ServerStatus) -> None:
        """Take a sample."""
        before, now = self._room, status.disk_room
        if _WORSE.index(now) < _WORSE.index(before):
            with_some_taken = msgspec.structs.replace(
                status, disk_free_bytes=int(status.disk_free_bytes / (1 + SPARE_RATIO))
            )
            now = with_some_taken.disk_room
        if now is before:
            return
        self._room = now
        free, least = (f"{size // MIB:,} MiB" for size in (status.disk_free_bytes, status.disk_least_bytes))
        if now is DiskRoom.FULL:
            log.error("disk_full", free=free, hint=f"With less than {least} free uploads are refused.")
        elif now is DiskRoom.LOW:
            log.warning(
                "disk_nearly_full", free=free, hint=f"With less than {least} free uploads will be refused."
            )
        else:
            log.info("disk_has_room_again", free=free)


def measure(folder: Path) -> tuple[int, int]:
    """Return the size and the free space of the disk that ``folder`` is on, in bytes; blocks."""
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that ``folder`` is on; blocks."""
    return measure(folder)[1]


async def check_free(folder: Path, least_bytes: int, size_bytes: int = 0) -> None:
    """Raise ``Refused`` disk_full where ``size_bytes`` more would take what is to stay free.

    With nothing left the catalogue could not even note how a backup has ended.
    """
    free = await asyncio.to_thread(free_bytes, folder)
    if free - size_bytes < least_bytes:
        more = f" and {size_bytes // MIB:,} MiB are to come" if size_bytes >= MIB else ""
        raise Refused(
            "disk_full",
            f"The server's disk is full: {free // MIB:,} MiB are free{more},"
            f" {least_bytes // MIB:,} MiB stay free for the server itself.",
            detail="Make room on it.",
            headers={"Retry-After": "60"},
        )
