"""Records of the HTTP API between server, agent and console.

The records that reach the screen are in ``streams/model``; here is what only machines exchange. JSON
through msgspec, so ``bytes`` are base64 and times RFC 3339 in UTC. What server and agent say over their
socket is in ``agent_frames``, many small contents in one body in ``batches``.
"""

import hashlib
import stat
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec.structs import force_setattr

from app.wire.attributes import Attributes, problem_of_attributes
from app.wire.limits import (
    MAX_ENTRIES,
    MAX_HASHES,
    MAX_IDS,
    MAX_RUN_NAMES,
    MAX_WORD,
    Bytes,
    CorrelationId,
    Count,
    EnrolmentKey,
    Id,
    Mode,
    Number,
    Sha256,
    Size,
    Time,
    check_path,
    shown,
    spoken,
)
from streams.model.base import Record
from streams.model.clients import Client
from streams.model.files import FileVersion
from streams.model.runs import Progress, Run
from streams.model.vocabulary import CONSOLE_SCOPES, EntryKind, RunState, RunTrigger, Scope, ServerState

SERVER_NAME = "tidewatch"
BATCH_VERSIONS = 1000
"""How many versions may be asked for at once."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tidewatch"'}
"""By this a refusal of a token is known to be the server's own, and not that of a proxy before it."""
CLOSE_WRONG_TOKEN = 4401
"""Socket close code: the token was revoked."""
CLOSE_DISCONNECTED = 4403
"""Socket close code: an operator has shut this client out."""


Text = Annotated[str, msgspec.Meta(max_length=1000)]
"""What a person may have typed; judged where it is used."""
TOKEN_REVOKED = "This token was revoked."
"""What the sockets of consoles and of agents say when they are closed for that."""


def enrol_command(name: str = "NAME") -> str:
    """Return what is typed on the server for a code of this client, as every hint says it."""
    return f"tidewatch server enrol {name} --data DIR"


def server_id_of(store_identity: str) -> str:
    """Return the name that a server goes by wherever it moves, made from the secret word in its store."""
    return hashlib.sha256(b"tidewatch-server\0" + store_identity.encode()).hexdigest()[:32]


class Problem(Record, frozen=True, kw_only=True):
    """The one shape of every error of the HTTP API."""

    code: str
    message: str
    detail: str = ""


class Health(Record, frozen=True, kw_only=True):
    """The answer of ``GET /health``, the only one besides enrolment that needs no token."""

    status: str
    name: str
    protocol: int
    version: str
    events_port: int
    server_id: str = ""
    """The same wherever the server moves to, and another one for each server."""
    simulated: bool = False


class ClientList(Record, frozen=True, kw_only=True):
    """All clients, and the last event that is already in them."""

    epoch: str
    seq: int
    clients: tuple[Client, ...]


class ActiveRuns(Record, frozen=True, kw_only=True):
    """The runs that have not ended, their newest progress, and the last event that is already in them."""

    epoch: str
    seq: int
    runs: tuple[Run, ...]
    progress: tuple[Progress, ...]


Ids = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_IDS)]


class ClientIds(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients a command is about."""

    client_ids: Ids


class BackupRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients to back up now; None means all."""

    client_ids: Ids | None


class FileIds(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files a command is about."""

    file_ids: Annotated[tuple[Number, ...], msgspec.Meta(max_length=MAX_IDS)]


MAX_QUOTA_BYTES = 2**53
"""As large a number as every console can show."""


class Goal(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The age in seconds that a client's last good backup should not exceed."""

    goal_s: Annotated[float, msgspec.Meta(gt=0, le=10 * 366 * 86400)]


class QuotaRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a client may keep, before compression; 0 sets no bound, None the one of the settings."""

    quota_bytes: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUOTA_BYTES)] | None


class StopRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long running backups may go on after a stop; None lets them come to their end."""

    timeout_s: Annotated[float, msgspec.Meta(ge=0, le=7 * 86400)] | None = None


class ServerStateReply(Record, frozen=True, kw_only=True):
    """Whether the server takes new runs now."""

    state: ServerState


class EnrolmentRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for a single-use code with which a client of this name may enrol."""

    name: Text


class EnrolmentReply(Record, frozen=True, kw_only=True):
    """A single-use code, shown once."""

    code: str
    name: str
    expires_at: datetime


class EnrolRequest(Record, frozen=True, kw_only=True):
    """An agent's first words: its name and the code it was given."""

    name: Text
    code: Text
    key: EnrolmentKey = ""
    """A secret of the machine: the code is answered again to whoever has it, since an answer may be lost."""
    platform: str = ""
    agent_version: str = ""

    def __post_init__(self) -> None:
        """Make what it says of itself such that it can be shown."""
        for name in ("platform", "agent_version"):
            force_setattr(self, name, spoken(getattr(self, name), MAX_WORD))


class EnrolReply(Record, frozen=True, kw_only=True):
    """Who the agent is from now on; the token is told this once."""

    client_id: str
    token: str


class TokenRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for a token of a console or a script; the right to look is part of every one."""

    name: str
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(max_length=len(CONSOLE_SCOPES))]
    days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] | None = None
    """How long it is good; None without an end, or until that of the token it is made with."""


class VersionPage(Record, frozen=True, kw_only=True):
    """Entries in order of file id, and the id after which the next page starts."""

    entries: tuple[FileVersion, ...]
    next_after: int | None = None


class TreeState(Record, frozen=True, kw_only=True):
    """Of which backups a client's tree at a time is made."""

    latest: Run | None = None
    """The last that had begun."""
    whole: Run | None = None
    """The last that had come to its end."""


class StartRun(Record, frozen=True, kw_only=True):
    """An agent begins a backup."""

    trigger: RunTrigger
    correlation_id: CorrelationId = ""
    instead_of: Number | None = None
    """The run of this backup that was ended meanwhile: refused where another has begun after it."""


class AgentEntry(Record, frozen=True, kw_only=True):
    """One name on a client as the agent found it; for a file its bytes are at the server already."""

    raw_path: Bytes
    kind: EntryKind
    size_bytes: Size
    mtime_ns: Time
    mode: Mode
    sha256: Sha256 | None = None
    link_target: Bytes | None = None
    inconsistent: bool = False
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        """Set the size of what is no file: of a link some file systems tell another than its target has."""
        if self.kind is not EntryKind.FILE:
            msgspec.structs.force_setattr(self, "size_bytes", len(self.link_target or b""))


class Entries(Record, frozen=True, kw_only=True):
    """Names that are new or changed."""

    entries: Annotated[tuple[AgentEntry, ...], msgspec.Meta(max_length=MAX_ENTRIES)]

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a name that cannot be kept, or told to be what it cannot be."""
        for entry in self.entries:
            check_path(entry.raw_path)
            problem = _problem_of(entry)
            if problem is not None:
                raise ValueError(f"'{shown(entry.raw_path)}' cannot be kept: {problem}.")


def _problem_of(entry: AgentEntry) -> str | None:
    if (entry.kind is EntryKind.FILE) != (entry.sha256 is not None):
        return "a file has a content, and nothing else has one"
    if (entry.kind is EntryKind.LINK) != (entry.link_target is not None):
        return "a link has a target, and nothing else has one"
    if entry.link_target is not None and (not entry.link_target or b"\0" in entry.link_target):
        return "its target is empty or holds a zero byte"
    is_device = stat.S_ISCHR(entry.mode) or stat.S_ISBLK(entry.mode)
    if (entry.kind is EntryKind.SPECIAL) != (
        is_device or stat.S_ISFIFO(entry.mode) or stat.S_ISSOCK(entry.mode)
    ):
        return "a device, a pipe or a socket has its type, and nothing else has one of these"
    attributes = entry.attributes
    if is_device != (attributes is not None and attributes.device is not None):
        return "a device has a number, and nothing else has one"
    if attributes is None:
        return None
    if attributes.extents is not None and entry.kind is not EntryKind.FILE:
        return "only a file has parts"
    return problem_of_attributes(attributes, entry.size_bytes)


class Vanished(Record, frozen=True, kw_only=True):
    """Names that are no longer there."""

    raw_paths: Annotated[tuple[Bytes, ...], msgspec.Meta(max_length=MAX_ENTRIES)]


class AgentClient(Client, frozen=True, kw_only=True):
    """The caller's client, with the revision of its tree."""

    revision: str
    last_run_id: int | None = None
    """The run that was begun last for this client; another one than the caller's own is of a second agent."""


class AgentRun(Run, frozen=True, kw_only=True):
    """A run of the caller's client, with the revision of the client's tree as it is now."""

    revision: str


class Accepted(Record, frozen=True, kw_only=True):
    """How many names are durable in the catalogue now.

    The write turned the tree of ``revision_before`` into that of ``revision``. An agent whose last revision
    was another one than ``revision_before`` has missed a change that was made beside its own.
    """

    accepted: int
    revision: str
    revision_before: str


class FailedName(Record, frozen=True, kw_only=True):
    """A name that could not be backed up, and why, both for people."""

    path: str
    reason: str

    def __post_init__(self) -> None:
        """Make both such that they can be shown."""
        force_setattr(self, "path", spoken(self.path))
        force_setattr(self, "reason", spoken(self.reason))


class FinishRun(Record, frozen=True, kw_only=True):
    """How a backup ended, as its agent saw it.

    What the server has counted itself stands above what is told here; see ``catalogue.runs``.
    """

    state: RunState
    """complete, partial, failed or cancelled."""
    reason: str | None = None
    files_seen: Count = 0
    files_new: Count = 0
    files_changed: Count = 0
    files_vanished: Count = 0
    files_failed: Count = 0
    bytes_seen: Size = 0
    bytes_sent: Size = 0
    failed: Annotated[tuple[FailedName, ...], msgspec.Meta(max_length=MAX_RUN_NAMES)] = ()
    """The first names that could not be backed up."""

    def __post_init__(self) -> None:
        """Make the reason such that it can be shown."""
        if self.reason is not None:
            force_setattr(self, "reason", spoken(self.reason))


class Hashes(Record, frozen=True, kw_only=True):
    """Contents an agent could send."""

    hashes: Annotated[tuple[Sha256, ...], msgspec.Meta(max_length=MAX_HASHES)]


class MissingBlob(Record, frozen=True, kw_only=True):
    """A content the server lacks; an upload goes on after ``received_bytes``."""

    sha256: str
    received_bytes: int = 0


class MissingReply(Record, frozen=True, kw_only=True):
    """The contents that the server lacks, of those it was asked about."""

    missing: tuple[MissingBlob, ...]


class BlobStored(Record, frozen=True, kw_only=True):
    """A content that is durable at the server now."""

    sha256: str
    size_bytes: int


class VersionIds(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions whose small contents are wanted at once."""

    version_ids: Annotated[tuple[Number, ...], msgspec.Meta(max_length=BATCH_VERSIONS)]


class BatchStored(Record, frozen=True, kw_only=True):
    """The contents of a batch that are durable now."""

    stored: tuple[str, ...]


encode = msgspec.json.Encoder().encode
"""Frame or record to JSON bytes."""
