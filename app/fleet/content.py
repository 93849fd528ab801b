"""The bytes of simulated files: made from the seed when they are needed, never kept.

A file's bytes follow from seed, owner, path, size and modification time alone, so nothing is remembered
to make them again. Large files repeat a corpus of their type around a small part of their own: they have the
size they claim, and cost the server's disk little.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from random import Random

CHUNK_BYTES = 256 * 1024
_CORPUS_BYTES = 32 * 1024
_OWN_BYTES = 3 * 1024
"""How much of a file is found in no other; decides what it costs on the server's disk."""

MAX_OWN_BYTES = 64 * 1024 * 1024

_MAGIC: dict[str, bytes] = {
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "zip": b"PK\x03\x04",
    "docx": b"PK\x03\x04",
    "xlsx": b"PK\x03\x04",
    "gz": b"\x1f\x8b\x08\x00",
    "sqlite": b"SQLite format 3\x00",
    "db": b"SQLite format 3\x00",
    "mp4": b"\x00\x00\x00\x18ftypmp42",
}
_TEXT = frozenset(
    {"txt", "md", "log", "csv", "conf", "yaml", "json", "html", "py", "eml", "sql", "ini", "xml"}
)
_WORDS = (
    "backup", "client", "server", "error", "ok", "started", "finished", "request", "response", "user",
    "session", "index", "table", "row", "value", "order", "invoice", "customer", "report", "photo", "project",
    "meeting", "note", "budget", "plan", "update", "install", "version", "cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimFile:
    """One file on the disk of a simulated machine."""

    path: str
    size_bytes: int
    mtime_ns: int
    shared: str = ""
    """What its bytes are called where other machines have the same ones; empty where nobody else has them."""

    @property
    def suffix(self) -> str:
        """Return the lower-case ending without the dot."""
        return PurePosixPath(self.path).suffix.lstrip(".").lower()


class Contents:
    """Makes the bytes of the files of one seed; ``unique`` ones take all their size on a disk."""

    def __init__(self, seed: int, *, unique: bool = False) -> None:
        self._seed = seed
        self._own_bytes = MAX_OWN_BYTES if unique else _OWN_BYTES

    def chunks(self, owner: str, file: SimFile, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of ``file`` from ``offset`` on, in pieces of at most 256 KiB."""
        head, corpus = self._parts(owner, file)
        at = offset
        while at < file.size_bytes:
            end = min(at + CHUNK_BYTES, file.size_bytes)
            yield _window(head, corpus, at, end)
            at = end

    def read(self, owner: str, file: SimFile) -> bytes:
        """Return all bytes of ``file``."""
        return b"".join(self.chunks(owner, file))

    def read_hashed(self, owner: str, file: SimFile) -> tuple[str, bytes]:
        """Return the hash of ``file`` in hexadecimal, and all its bytes."""
        data = self.read(owner, file)
        return hashlib.sha256(data).hexdigest(), data

    def sha256(self, owner: str, file: SimFile) -> str:
        """Return the hash of the bytes of ``file`` in hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self.chunks(owner, file):
            digest.update(chunk)
        return digest.hexdigest()

    def _parts(self, owner: str, file: SimFile) -> tuple[bytes, bytes]:
        name = file.shared or f"{owner}:{file.mtime_ns}:{file.path}"
        rng = Random(f"{self._seed}:{name}:{file.size_bytes}")
        own = rng.randbytes(min(self._own_bytes, file.size_bytes))
        if file.suffix in _TEXT and self._own_bytes == _OWN_BYTES:
            own = own.hex().encode()[: len(own)]
        return _MAGIC.get(file.suffix, b"") + own, _corpus(self._seed, file.suffix)


@lru_cache(maxsize=64)
def _corpus(seed: int, suffix: str) -> bytes:
    """Return what files of one type have in common."""
    rng = Random(f"{seed}:corpus:{suffix}")
    if suffix not in _TEXT:
        return rng.randbytes(_CORPUS_BYTES)
    lines: list[str] = []
    length = 0
    while length < _CORPUS_BYTES:
        line = " ".join(rng.choices(_WORDS, k=rng.randint(4, 14)))
        lines.append(line)
        length += len(line) + 1
    return ("\n".join(lines) + "\n").encode()[:_CORPUS_BYTES]


def _window(head: bytes, corpus: bytes, start: int, end: int) -> bytes:
    """Return bytes ``start`` to ``end`` of ``head`` followed by ``corpus`` again and again."""
    first = head[start:end]
    at = max(start, len(head)) - len(head)
    wanted = end - start - len(first)
    if wanted <= 0:
        return first
    skip = at % len(corpus)
    times = (skip + wanted) // len(corpus) + 1
    return first + (corpus * times)[skip : skip + wanted]
