"""A name as it is told to the server, and as the index keeps it."""

import stat
import time
from dataclasses import dataclass

from app.agent.index import UNSURE, FullRow
from app.agent.names import split
from app.agent.scan import Found
from app.protocol import AgentEntry
from streams.vocabulary import EntryKind

SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again without its times telling."""
MAX_TIME_NS = 2**63 - 1
"""Until the year 2262; some file systems keep later times, which are told as this one."""
KIND_OF_TYPE = {stat.S_IFREG: EntryKind.FILE, stat.S_IFDIR: EntryKind.FOLDER, stat.S_IFLNK: EntryKind.LINK}
TYPE_OF_KIND = {kind: file_type for file_type, kind in KIND_OF_TYPE.items()}


@dataclass(frozen=True, slots=True)
class Noted:
    """A name to be told to the server (where ``entry`` is given) and to be kept in the index."""

    entry: AgentEntry | None
    row: FullRow


def noted(found: Found, *, size: int = 0, sha256: str | None = None, still: bool = True) -> Noted:
    """Return what is to be noted of a name; nothing is told where server and name agree."""
    digest = bytes.fromhex(sha256) if sha256 else None
    sure = still and time.time_ns() - found.ctime_ns > SETTLED_NS
    row = (
        *split(found.path),
        found.mode,
        found.size,
        found.mtime_ns,
        found.inode if sure else UNSURE,
        found.ctime_ns,
        digest,
        found.target,
    )
    old = found.old
    if old is not None and still and (old[1], old[3], old[6], old[7]) == (row[2], row[4], row[7], row[8]):
        return Noted(None, row)
    entry = AgentEntry(
        raw_path=found.path,
        kind=KIND_OF_TYPE[stat.S_IFMT(found.mode)],
        size_bytes=size,
        mtime_ns=min(max(found.mtime_ns, -MAX_TIME_NS), MAX_TIME_NS),
        mode=stat.S_IMODE(found.mode),
        sha256=sha256,
        link_target=found.target,
        inconsistent=not still,
    )
    return Noted(entry, row)
