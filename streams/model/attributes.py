"""Attributes of a name besides mode, size and time, as file systems of Unix have them."""

from collections.abc import Iterator

from streams.model.base import Record


class Attributes(Record, frozen=True, kw_only=True, omit_defaults=True):
    """All of them are optional; what a client could not read is left out."""

    uid: int | None = None
    gid: int | None = None
    user: str = ""
    """The owner's name on the client; empty where the number has none."""
    group: str = ""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    """Extended attributes, POSIX ACLs and capabilities among them: name and value, sorted by name."""
    hard_link: int | None = None
    """Names of one client with the same number are hard links of one file."""
    device: int | None = None
    """Major and minor number of a device, as ``os.makedev`` puts them together."""
    extents: tuple[int, ...] | None = None
    """Of a sparse file: offset and length of each part that holds data, in turn. Only these are stored."""
    mtime: tuple[int, int] | None = None
    """Seconds and nanoseconds of a time that 64 bits of nanoseconds do not hold."""


def data_ranges(extents: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield offset and length of each part that holds data."""
    return zip(extents[::2], extents[1::2], strict=True)


def content_bytes(size_bytes: int, attributes: Attributes | None) -> int:
    """Return how large the content of a file of this size is: without the holes of a sparse one."""
    if attributes is None or attributes.extents is None:
        return size_bytes
    return sum(attributes.extents[1::2])
