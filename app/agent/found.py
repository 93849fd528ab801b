"""Names that a scan has found, and what a step of it tells."""

import os
from dataclasses import dataclass, field

import msgspec

from app.agent.index import Row
from app.wire.attributes import Attributes

MAX_NUMBER = 2**63 - 1


class Found(msgspec.Struct, gc=False):
    """A name that is new or may have changed, as it stood when it was found."""

    path: bytes
    mode: int
    """With the type of the file."""
    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int
    old: Row | None
    target: bytes | None = None
    attributes: Attributes | None = None
    """Read with the content, or before the name is told."""


def facts_of(at: os.stat_result) -> tuple[int, int, int, int, int]:
    """Return mode, size, mtime_ns, inode and ctime_ns, held within what a database can keep.

    File systems know times after 2262, and inodes of 64 bits.
    """
    return (
        at.st_mode,
        at.st_size,
        min(max(at.st_mtime_ns, -MAX_NUMBER), MAX_NUMBER),
        at.st_ino & MAX_NUMBER,
        min(max(at.st_ctime_ns, -MAX_NUMBER), MAX_NUMBER),
    )


@dataclass(slots=True)
class Step:
    """What one step of a scan found."""

    found: list[Found] = field(default_factory=list)
    vanished: list[bytes] = field(default_factory=list)
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    """Could not be looked at, and why; what is known of them is left as it is."""
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    """What no system that we know has."""
    ignore_problems: list[tuple[bytes, str]] = field(default_factory=list)
    """Ignore files that are not applied, or not as they are written."""
    missing: list[tuple[bytes, str]] = field(default_factory=list)
    """Sources that are not there, and why that is thought; what is known of them is left as it is."""
    left_out: list[tuple[bytes, str]] = field(default_factory=list)
    """Folders whose content is left out for another reason than a pattern, and large files."""
    files: int = 0
    """Files and links that were looked at, unchanged ones included."""
    bytes: int = 0
    unchanged: int = 0
    """Of ``files`` those that are as they were."""
    done: bool = False

    def count(self) -> int:
        """Return how many names the reader of this step has to handle."""
        return len(self.found) + len(self.vanished) + len(self.failed) + len(self.left_out)
