"""A name as it is told to the server, and as the index keeps it."""

import stat
import time
from dataclasses import dataclass

from app.agent.attributes import digest_of
from app.agent.found import Found
from app.agent.index import UNSURE, FullRow
from app.agent.names import KIND_OF_TYPE, split
from app.wire.http import AgentEntry
from streams.model.vocabulary import EntryKind

SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again without its times telling."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A name to be told to the server (where ``entry`` is given) and to be kept in the index."""

    entry: AgentEntry | None
    row: FullRow


def noted(
    found: Found, *, size: int = 0, sha256: str | None = None, still: bool = True, honest: bool = True
) -> Noted:
    """Return what is to be noted of a name; nothing is told where server and name agree."""
    kind = KIND_OF_TYPE[stat.S_IFMT(found.mode)]
    digest = bytes.fromhex(sha256) if sha256 else None
    sure = still and honest and time.time_ns() - found.ctime_ns > SETTLED_NS
    row = (
        *split(found.path),
        found.mode,
        found.size if honest else size,
        found.mtime_ns,
        found.inode if sure else UNSURE,
        found.ctime_ns,
        digest,
        found.target,
        digest_of(found.attributes),
    )
    old = found.old
    if old is not None and still and (*old[1:4], *old[6:]) == (*row[2:5], *row[7:]):
        return Noted(None, row)
    entry = AgentEntry(
        raw_path=found.path,
        kind=kind,
        size_bytes=size,
        mtime_ns=found.mtime_ns,
        mode=found.mode if kind is EntryKind.SPECIAL else stat.S_IMODE(found.mode),
        sha256=sha256,
        link_target=found.target,
        inconsistent=not still,
        attributes=found.attributes,
    )
    return Noted(entry, row)
