"""Names as the bytes they are on the disk: taken apart, put together, and shown to people."""

import stat

from streams.model.safe_text import terminal_text
from streams.model.vocabulary import EntryKind

MAX_SHOWN = 300
NOT_FOUND = "it is there, but cannot be found when it is opened"
KIND_OF_TYPE = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.FOLDER,
    stat.S_IFLNK: EntryKind.LINK,
    stat.S_IFIFO: EntryKind.SPECIAL,
    stat.S_IFSOCK: EntryKind.SPECIAL,
    stat.S_IFCHR: EntryKind.SPECIAL,
    stat.S_IFBLK: EntryKind.SPECIAL,
}
TYPE_OF_KIND = {EntryKind.FILE: stat.S_IFREG, EntryKind.FOLDER: stat.S_IFDIR, EntryKind.LINK: stat.S_IFLNK}
"""The mode of a special file has its type already."""


def shown(path: bytes) -> str:
    """Return ``path`` for a terminal: one line, whatever bytes it holds."""
    text = terminal_text(path.decode("utf-8", "backslashreplace"))
    return text if len(text) <= MAX_SHOWN else f"…{text[-MAX_SHOWN:]}"


def join(folder: bytes, name: bytes) -> bytes:
    """Return the path of ``name`` in ``folder``."""
    return folder + name if folder == b"/" else folder + b"/" + name


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return folder and name of an absolute path; the root itself is the empty name in the empty folder."""
    if path == b"/":
        return b"", b""
    folder, _, name = path.rpartition(b"/")
    return folder or b"/", name


def is_within(path: bytes, folder: bytes) -> bool:
    """Return whether ``path`` is ``folder`` or lies below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def parts_of(path: bytes) -> tuple[bytes, ...]:
    """Return the names along an absolute path; raises ``ValueError`` for one that could lead elsewhere."""
    if not path.startswith(b"/"):
        raise ValueError("the path is not absolute")
    if path == b"/":
        return ()
    parts = tuple(path[1:].split(b"/"))
    for part in parts:
        if part in (b"", b".", b".."):
            raise ValueError(f"the path holds {part.decode() or 'an empty name'!r}")
        if b"\0" in part:
            raise ValueError("the path holds a zero byte")
    return parts


def reason_of(error: OSError) -> str:
    """Return why the system refused, without the path."""
    return error.strerror or type(error).__name__
