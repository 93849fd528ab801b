"""The disk under the data folder, and what uploads leave free on it for the server itself."""

import asyncio
import shutil
from pathlib import Path

from app.server.problems import Refused

CHECK_BYTES = 4 * 1024 * 1024
"""How much of one upload may come before the disk is looked at again."""
MIB = 1024 * 1024


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that ``folder`` is on; blocks."""
    return shutil.disk_usage(folder).free


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
