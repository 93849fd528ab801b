"""What server, agent and console say to each other over HTTP.

The records that reach the screen are in ``streams/records``; here is what only machines exchange. JSON
through msgspec, so ``bytes`` are base64 and times RFC 3339 in UTC. What server and agent say over their
socket is in ``agent_frames``, many small contents in one body in ``batches``.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from streams.records.base import Record
from streams.records.clients import Client
from streams.records.files import FileVersion
from streams.records.runs import Progress, Run
from streams.vocabulary import CONSOLE_SCOPES, EntryKind, RunState, RunTrigger, Scope, ServerState

SERVER_NAME = "tidewatch"
SERVER_VERSION = "0.1.0"
BATCH_VERSIONS = 1000
"""How many versions may be asked for at once."""
CLOSE_WRONG_TOKEN = 4401
"""Socket close code: the token was revoked."""
CLOSE_DISCONNECTED = 4403
"""Socket close code: an operator has shut this client out."""


Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An id, a count or a size, as a database can keep it."""


TOKEN_REVOKED = "This token was revoked."
"""What the sockets of consoles and of agents say when they are closed for that."""


def enrol_command(name: str = "NAME") -> str:
    """Return what is typed on the server for a code of this client, as every hint says it."""
    return f"python -m app server enrol {name} --data DIR"


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


class ClientIds(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients a command is about."""

    client_ids: tuple[str, ...]


class BackupRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients to back up now; None means all."""

    client_ids: tuple[str, ...] | None


class FileIds(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files a command is about."""

    file_ids: tuple[Number, ...]


class Goal(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The age in seconds that a client's last good backup should not exceed."""

    goal_s: Annotated[float, msgspec.Meta(gt=0, le=10 * 366 * 86400)]


class StopRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long running backups may go on after a stop; None lets them come to their end."""

    timeout_s: Annotated[float, msgspec.Meta(ge=0, le=7 * 86400)] | None = None


class ServerStateReply(Record, frozen=True, kw_only=True):
    """Whether the server takes new runs now."""

    state: ServerState


class EnrolmentRequest(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for a single-use code with which a client of this name may enrol."""

    name: str


class EnrolmentReply(Record, frozen=True, kw_only=True):
    """A single-use code, shown once."""

    code: str
    name: str
    expires_at: datetime


class EnrolRequest(Record, frozen=True, kw_only=True):
    """An agent's first words: its name and the code it was given."""

    name: str
    code: str
    platform: str = ""
    agent_version: str = ""


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


class StartRun(Record, frozen=True, kw_only=True):
    """An agent begins a backup."""

    trigger: RunTrigger
    correlation_id: str = ""


class AgentEntry(Record, frozen=True, kw_only=True):
    """One name on a client as the agent found it; for a file its bytes are at the server already."""

    raw_path: bytes
    kind: EntryKind
    size_bytes: Number
    mtime_ns: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    mode: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
    sha256: str | None = None
    link_target: bytes | None = None
    inconsistent: bool = False


class Entries(Record, frozen=True, kw_only=True):
    """Names that are new or changed."""

    entries: tuple[AgentEntry, ...]


class Vanished(Record, frozen=True, kw_only=True):
    """Names that are no longer there."""

    raw_paths: tuple[bytes, ...]


class AgentClient(Client, frozen=True, kw_only=True):
    """The caller's client, with the revision of its tree."""

    revision: str


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


class FinishRun(Record, frozen=True, kw_only=True):
    """How a backup ended, as its agent saw it."""

    state: RunState
    """complete, partial, failed or cancelled."""
    reason: str | None = None
    files_seen: Number = 0
    files_new: Number = 0
    files_changed: Number = 0
    files_vanished: Number = 0
    files_failed: Number = 0
    bytes_seen: Number = 0
    bytes_sent: Number = 0


class Hashes(Record, frozen=True, kw_only=True):
    """Contents an agent could send."""

    hashes: tuple[str, ...]


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
