"""Frames of the event socket between server and console, JSON, one object each, told apart by ``type``."""

from datetime import datetime

import msgspec

from streams.model.base import Record
from streams.model.clients import Client, ClientRemoved
from streams.model.files import FilesChanged
from streams.model.logs import LogLine
from streams.model.runs import Progress, Run
from streams.model.server import Activity, ServerStatus, Transfer
from streams.model.vocabulary import EventKind, Scope, ServerState, Topic

PROTOCOL_VERSION = 1
"""Raised when a console of the version before could not understand the server."""


class Hello(Record, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The server's first frame."""

    protocol: int
    epoch: str
    last_seq: int
    server_version: str
    at: datetime
    scopes: tuple[Scope, ...] = ()
    """The rights of the token that this socket was opened with."""


class Event(Record, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="event"):
    """Something that happened, numbered and durable; carries the whole new record of all it changed.

    What is at its default is left out: hundreds of these come a second, each about one of many things.
    """

    seq: int
    at: datetime
    """When the write began that it belongs to; kept with it in the catalogue."""
    committed_at: datetime | None = None
    """When that write had become durable; None for what is told later than it happened."""
    kind: EventKind
    topics: tuple[Topic, ...]
    client: Client | None = None
    removed: ClientRemoved | None = None
    run: Run | None = None
    files: FilesChanged | None = None
    server_state: ServerState | None = None
    activity: Activity | None = None


class StatusFrame(Record, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """The newest sample of load; not numbered, an older one is worth nothing."""

    status: ServerStatus


class ProgressFrame(Record, frozen=True, kw_only=True, tag_field="type", tag="progress"):
    """The newest progress of the runs that moved; not numbered."""

    runs: tuple[Progress, ...]
    ended: tuple[int, ...] = ()


class TransferFrame(Record, frozen=True, kw_only=True, tag_field="type", tag="transfers"):
    """Transfers that moved or ended; not numbered."""

    transfers: tuple[Transfer, ...]


class LogFrame(Record, frozen=True, kw_only=True, tag_field="type", tag="logs"):
    """Log lines since the last frame, oldest first; not numbered."""

    lines: tuple[LogLine, ...] = ()
    dropped: int = 0
    """Lines that were said before these, but not sent because this console reads too slowly."""


class DatabaseFrame(Record, frozen=True, kw_only=True, tag_field="type", tag="database"):
    """A database that the server opens for consoles was written, or is gone; not numbered."""

    path: str
    version: int | None
    """None: it cannot be found any more."""


class Reset(Record, frozen=True, kw_only=True, tag_field="type", tag="reset"):
    """The missed events cannot be replayed: read everything again, then follow from ``last_seq``."""

    reason: str
    epoch: str
    last_seq: int


class Pong(Record, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    id: int
    at: datetime


class SocketProblem(Record, frozen=True, kw_only=True, tag_field="type", tag="problem"):
    """Why the server closes this socket."""

    code: str
    message: str


ServerFrame = (
    Hello
    | Event
    | StatusFrame
    | ProgressFrame
    | TransferFrame
    | LogFrame
    | DatabaseFrame
    | Reset
    | Pong
    | SocketProblem
)


class Resume(Record, frozen=True, kw_only=True, tag_field="type", tag="resume"):
    """The console's first frame: where it stands and what it wants to see."""

    epoch: str | None
    """None at the first connection: nothing is replayed."""
    after_seq: int
    topics: tuple[Topic, ...]


class Subscribe(Record, frozen=True, kw_only=True, tag_field="type", tag="subscribe"):
    """Replaces the topics of this socket."""

    topics: tuple[Topic, ...]


class Ping(Record, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Asks for a pong, for measuring the round trip."""

    id: int


ConsoleFrame = Resume | Subscribe | Ping

encode = msgspec.json.Encoder().encode
"""Frame or record to JSON bytes."""
decode_server_frame = msgspec.json.Decoder(ServerFrame).decode
"""JSON bytes to a frame of the server; raises ``msgspec.DecodeError`` on anything else."""
decode_console_frame = msgspec.json.Decoder(ConsoleFrame).decode
"""JSON bytes to a frame of the console; raises ``msgspec.DecodeError`` on anything else."""
