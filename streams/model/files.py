"""Files: what the server keeps of each client."""

from datetime import datetime

from streams.model.attributes import Attributes
from streams.model.base import Record
from streams.model.vocabulary import EntryKind, FileState


class BackupFile(Record, frozen=True, kw_only=True):
    """One name on one client with its newest version."""

    id: int
    client_id: str
    client_name: str
    path: str
    """For reading and searching; undecodable bytes are replaced."""
    raw_path: bytes
    """The exact bytes of the name on the client (base64 in JSON)."""
    kind: EntryKind
    suffix: str = ""
    """Lower-case ending without the dot, the type shown on the screen."""
    state: FileState
    version_id: int
    version_count: int
    size_bytes: int
    modified_at: datetime
    backed_up_at: datetime
    verified_at: datetime | None = None
    sha256: str | None = None
    """None for folders and links."""
    deleted_at: datetime | None = None
    """When it was deleted by an operator; it can be brought back until it is purged."""


class FileVersion(Record, frozen=True, kw_only=True):
    """One content of one file at one time."""

    id: int
    file_id: int
    run_id: int
    client_id: str
    path: str
    raw_path: bytes
    kind: EntryKind
    state: FileState
    created_at: datetime
    size_bytes: int
    mtime_ns: int
    mode: int
    sha256: str | None = None
    link_target: bytes | None = None
    verified_at: datetime | None = None
    inconsistent: bool = False
    """The file changed while it was read, each time it was tried."""
    attributes: Attributes | None = None


class FileQuery(Record, frozen=True, kw_only=True):
    """What the files view asks for; every part is answered by the database."""

    client_id: str | None = None
    text: str = ""
    """Part of the path, any case."""
    suffix: str | None = None
    state: FileState | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    sort: str = "path"
    """One of name, path, client, size, suffix, date, state."""
    descending: bool = False
    cursor: str | None = None
    """From the page before or after; opaque."""
    limit: int = 100


class FilePage(Record, frozen=True, kw_only=True):
    """One page of files and the cursors of its neighbours."""

    rows: tuple[BackupFile, ...]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    last_cursor: str | None = None
    """Leads to the last page without counting."""
    total: int | None = None
    total_capped: bool = False
    """True where counting stopped, at 10,000 or before: show "10,000+"."""


class FilesSummary(Record, frozen=True, kw_only=True):
    """The cards above the files table."""

    file_count: int = 0
    total_bytes: int = 0
    """Logical size of all present files."""
    blob_bytes: int = 0
    """Bytes on the server's disk after compression and deduplication."""
    recent_run_count: int = 0
    """Backups that ended well within 24 h."""
    unverified_count: int = 0
    damaged_count: int = 0
    deleted_count: int = 0
    vanished_count: int = 0
    """Listed with the others, but not in ``file_count``: no longer on their clients."""


class FilesChanged(Record, frozen=True, kw_only=True):
    """The files of a client are no longer what was read before."""

    client_id: str
    run_id: int | None = None
    count: int = 0
    path: str = ""
    """The first of them, where somebody has named them; empty otherwise."""


class VerifyResult(Record, frozen=True, kw_only=True):
    """What a verification found."""

    checked: int
    damaged: tuple[str, ...] = ()
    """Paths whose stored bytes do not have their hash, the first of them."""
    more_damaged: int = 0
    """How many more there are."""
