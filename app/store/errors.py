"""Errors of the store, each with the code that the HTTP API uses."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from app.store.file_operations import Inode
from streams.model.failures import TidewatchError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
BAD_SECTOR = frozenset(
    {errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.EILSEQ, errno.ENODATA, errno.EREMOTEIO}
)
"""With these a file system answers where what it has stored cannot be read or is not what was written."""


class BadHash(TidewatchError):
    """A name that is no SHA-256 in 64 lower-case hexadecimal digits."""

    code = "bad_request"


class BlobMissing(TidewatchError):
    """The store has no content of this hash."""

    code = "not_found"


class Damaged(TidewatchError):
    """The stored bytes do not have their hash, or cannot be read from the disk.

    ``inode`` is the file that was read, where it could be opened; ``bad_sector`` says that the disk refused.
    """

    code = "damaged"

    def __init__(self, message: str, *, hint: str = "", bad_sector: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.bad_sector = bad_sector
        self.inode: Inode | None = None


class HashMismatch(TidewatchError):
    """What was sent does not have the hash, or the size, that it was said to have."""

    code = "hash_mismatch"

    def __init__(self, hashes: Sequence[str], message: str = "") -> None:
        named = ", ".join(hashes)
        super().__init__(message or f"What was sent does not have its hash: {named}.", hint="Send it again.")
        self.hashes = tuple(hashes)


class OffsetMismatch(TidewatchError):
    """An upload cannot go on there; ``received_bytes`` is where it can."""

    code = "offset_mismatch"

    def __init__(self, received_bytes: int) -> None:
        super().__init__(
            f"The upload cannot go on there; {received_bytes} bytes have been received.",
            hint="Ask what is missing and go on from there.",
        )
        self.received_bytes = received_bytes


class UploadIncomplete(TidewatchError):
    """The bytes ended before the size that was announced; what came is kept."""

    code = "upload_incomplete"

    def __init__(self, received_bytes: int, size_bytes: int) -> None:
        super().__init__(
            f"{received_bytes} of {size_bytes} bytes came; they are kept.", hint="Go on from there."
        )
        self.received_bytes = received_bytes
        self.size_bytes = size_bytes


class StoreFailure(TidewatchError):
    """The disk under the store does not do what is asked; nothing is known to be damaged by it."""

    code = "store_unwritable"


class StoreFull(StoreFailure):
    """The disk under the store is full."""

    code = "disk_full"
    exit_code = 22


class StoreUnwritable(StoreFailure):
    """The folder of the store cannot be made or written."""

    code = "store_unwritable"
    exit_code = 21


class StoreUnreadable(StoreFailure):
    """A content cannot be read now: no permission, too many open files, a server of files that is away."""

    code = "store_unreadable"
    exit_code = 23


class ReadAgain(StoreUnreadable):
    """A content was found damaged, and a second look found it good, replaced or gone."""


class StoreLost(StoreFailure):
    """The folder is not the store that was opened: gone, unmounted, or another disk is mounted there."""

    code = "store_lost"
    exit_code = 24


def failure_of(error: OSError, *, reading: bool = False) -> StoreFailure:
    """Return what a refusal of the file system means for the store."""
    if error.errno in FULL:
        return StoreFull("The disk of the store is full.", hint="Make room on it.")
    reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    place = ""
    if isinstance(error.filename, str | os.PathLike):
        path = Path(error.filename)
        # The folder says more to a person than the hash that a file has for its name.
        place = f" {path if error.errno == errno.ENOTDIR else path.parent}"
    if reading:
        return StoreUnreadable(
            f"The store{place} cannot be read: {reason}.",
            hint="Check the disk and the permissions of the data folder.",
        )
    return StoreUnwritable(
        f"The store{place} cannot be written: {reason}.",
        hint="Check the disk and the permissions of the data folder.",
    )
