"""What can go wrong with the store, each with the word that the HTTP API uses for it."""

import errno
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from streams.failures import TidewatchError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class BadHash(TidewatchError):
    """A name that is no SHA-256 in 64 lower-case hexadecimal digits."""

    code = "bad_request"


class BlobMissing(TidewatchError):
    """The store has no content of this hash."""

    code = "not_found"


class Damaged(TidewatchError):
    """The stored bytes do not have their hash."""

    code = "damaged"


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


class StoreFull(TidewatchError):
    """The disk under the store is full."""

    code = "disk_full"
    exit_code = 22


class StoreUnwritable(TidewatchError):
    """The folder of the store cannot be made or written."""

    code = "store_unwritable"
    exit_code = 21


@contextmanager
def full_disk_said() -> Generator[None]:
    """Turn a full disk into StoreFull; let everything else through."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull("The disk of the store is full.", hint="Make room on it.") from error
        raise
