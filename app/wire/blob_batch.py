"""Many small contents in one body, as they are sent and fetched: hash, length, bytes, and so on."""

from collections.abc import Iterable, Iterator

from app.wire.limits import MAX_BATCH_BLOBS

BATCH_BLOB_BYTES = 256 * 1024
"""The largest file that may travel in a batch."""
BATCH_BYTES = 8 * 1024 * 1024
"""The largest batch."""
BATCH_HEAD_BYTES = 40
"""What stands before each content of a batch: its hash and its length."""


def encode_batch(blobs: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack small contents into one body."""
    parts: list[bytes] = []
    for sha256, content in blobs:
        parts += (bytes.fromhex(sha256), len(content).to_bytes(8, "big"), content)
    return b"".join(parts)


def decode_batch(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Unpack the body of a batch; raises ``ValueError`` for one that is cut short or holds too much."""
    at, end, count = 0, len(body), 0
    while at < end:
        count += 1
        if count > MAX_BATCH_BLOBS:
            raise ValueError(f"there are more than {MAX_BATCH_BLOBS:,} contents in it")
        start = at + BATCH_HEAD_BYTES
        length = int.from_bytes(body[at + 32 : start], "big")
        if start > end or start + length > end:
            raise ValueError("the batch is cut short")
        if length > BATCH_BLOB_BYTES:
            raise ValueError(f"a content of {length} bytes is too large for a batch")
        yield body[at : at + 32].hex(), body[start : start + length]
        at = start + length
