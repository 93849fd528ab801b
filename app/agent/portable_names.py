"""Names under which any file system takes a file that it does not take under its own name."""

from collections.abc import Iterator

FORBIDDEN = frozenset('<>:"/\\|?*') | {chr(code) for code in range(32)} | {"\x7f", "\ufffd"}
"""Of FAT, exFAT and NTFS together; the last is what is no UTF-8."""
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{device}{digit}" for device in ("com", "lpt") for digit in range(1, 10))}
)
MAX_BYTES = 120
"""Shorter than what any file system takes, with room for a number."""
MAX_SUFFIX_BYTES = 20


def alternatives(name: bytes) -> Iterator[bytes]:
    """Yield other names for ``name``, the nearest first: `a:b.txt` gives `a_b.txt`, `a_b~2.txt`, ..."""
    portable = _portable(name)
    if portable != name:
        yield portable
    stem, suffix = _split(portable)
    number = 2
    while True:
        yield b"%s~%d%s" % (stem, number, suffix)
        number += 1


def is_portable(name: bytes) -> bool:
    """Return whether any file system takes this name."""
    return _portable(name) == name


def _portable(name: bytes) -> bytes:
    text = "".join("_" if char in FORBIDDEN else char for char in name.decode("utf-8", "replace"))
    if text.endswith((".", " ")):
        text = f"{text[:-1]}_"
    if text.partition(".")[0].rstrip().lower() in RESERVED:
        text = f"_{text}"
    stem, suffix = _split(text.encode())
    return _cut(stem, MAX_BYTES - len(suffix)) + suffix


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Return stem and suffix; what begins with a dot, or ends too late for a suffix, has none."""
    stem, dot, suffix = name.rpartition(b".")
    return (stem, dot + suffix) if stem and len(suffix) < MAX_SUFFIX_BYTES else (name, b"")


def _cut(name: bytes, size: int) -> bytes:
    return name if len(name) <= size else name[:size].decode("utf-8", "ignore").encode()
