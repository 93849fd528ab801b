"""Messages between the console and the process that reads the database: lengths and MessagePack.

The process must start fast, so that nothing here, nor what it imports, knows HTTP or the screen.
"""

import socket
import sqlite3
from typing import Any

import msgspec

from app.database.opening import Unsteady
from app.database.shield import Shield
from streams.model import failures
from streams.model.base import Record
from streams.model.database import Blob, LongText, RawText
from streams.model.failures import CommandFailed, TidewatchError

HEAD = 4
"""Bytes of the length before each message."""
MAX_BYTES = 1024**3
CHUNK_ROWS = 256
CHUNK_BYTES = 1024**2
"""Rows travel in pieces of about this size, or one at a time where they are larger."""


class Open(Record, frozen=True, tag=True):
    """Open the file."""

    path: str
    busy_s: float


class Execute(Record, frozen=True, tag=True, kw_only=True):
    """Run a statement and send its first rows."""

    job: int
    left_s: float
    sql: str
    begin: bool = False
    """Begin a transaction before."""
    params: list[Any] | dict[str, Any]
    rows: int = CHUNK_ROWS
    short: bool = False
    trusted: bool = False


class Fetch(Record, frozen=True, tag=True, kw_only=True):
    """Send further rows of the statement."""

    job: int
    left_s: float
    rows: int = CHUNK_ROWS


class PartOf(Record, frozen=True, tag=True, kw_only=True):
    """Send a part of one value of an answer."""

    job: int
    left_s: float
    sql: str
    row: int
    column: int
    start: int
    size: int


class Install(Record, frozen=True, tag=True):
    """Hide this from now on."""

    shield: Shield


class Virtual(Record, frozen=True, tag=True):
    """Connect a virtual table."""

    table: str


class End(Record, frozen=True, tag=True):
    """Roll back, and close a file that would keep a lock."""


class Interrupt(Record, frozen=True, tag=True):
    """Stop the job if it is the running one."""

    job: int


Request = Open | Execute | Fetch | PartOf | Install | Virtual | End | Interrupt


class Reply(Record, frozen=True, tag=True, kw_only=True):
    """What a request gave."""

    columns: tuple[str, ...] = ()
    rows: tuple[list[Any], ...] = ()
    more: bool = False
    masked: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    wal: bool = False
    state: str = ""
    failed: tuple[tuple[str, str], ...] = ()
    value: Any = None
    size: int | None = None


class Fault(Record, frozen=True, tag=True, kw_only=True):
    """The exception that a request ended with."""

    kind: str
    message: str
    hint: str = ""
    code: int | None = None
    """Of SQLite, or of a failure of the command."""
    word: str = ""


_encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply | Fault).decode


def framed(message: Record) -> bytes:
    """Return a message with its length; raise ValueError for text that is no Unicode, or OverflowError."""
    raw = _encode(message)
    return len(raw).to_bytes(HEAD, "big") + raw


def receive(stream: socket.socket) -> bytes | None:
    """Return the next message, None at the end; raise OSError, TimeoutError."""
    head = _exactly(stream, HEAD)
    return None if head is None else _exactly(stream, int.from_bytes(head, "big"))


def _exactly(stream: socket.socket, size: int) -> bytes | None:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = stream.recv_into(view[got:])
        if not count:
            return None
        got += count
    return bytes(data)


_PLAIN = frozenset({int, float, str, bytes, type(None)})


def packed(row: Any) -> list[Any]:
    """Return a row for the way; what has a type of ours becomes a map, which no value of SQLite is."""
    return [value if type(value) in _PLAIN else _packed(value) for value in row]


def _packed(value: Blob | LongText | RawText) -> dict[str, Any]:
    match value:
        case Blob():
            return {"blob": value.size_bytes, "head": value.head}
        case LongText():
            return {"text": value.size_bytes, "head": value.head}
        case RawText():
            return {"raw": value.raw, "encoding": value.encoding}


def unpacked(row: list[Any]) -> tuple[Any, ...]:
    """Return a row as it was before its way."""
    return tuple(_unpacked(value) if isinstance(value, dict) else value for value in row)


def _unpacked(value: dict[str, Any]) -> Blob | LongText | RawText:
    if "blob" in value:
        return Blob(value["blob"], value["head"])
    if "raw" in value:
        return RawText(value["raw"], value["encoding"])
    return LongText(value["head"], value["text"])


def fault_of(error: BaseException) -> Fault:
    """Return an exception for the way."""
    if isinstance(error, TidewatchError):
        word = error.server_code if isinstance(error, CommandFailed) else ""
        return Fault(kind=type(error).__name__, message=error.message, hint=error.hint, word=word)
    code = getattr(error, "sqlite_errorcode", None)
    return Fault(kind=type(error).__name__, message=str(error), code=code)


def raised_by(fault: Fault) -> Exception:
    """Return the exception that a fault tells of."""
    kind: Any = getattr(failures, fault.kind, None)
    if kind is CommandFailed:
        return CommandFailed(fault.message, code=fault.word, hint=fault.hint)
    if isinstance(kind, type) and issubclass(kind, TidewatchError):
        return kind(fault.message, hint=fault.hint)
    if fault.kind == Unsteady.__name__:
        return Unsteady(fault.message)
    if fault.kind == "MemoryError":
        return sqlite_error("The statement needs more memory than it may have.", sqlite3.SQLITE_NOMEM)
    kind = getattr(sqlite3, fault.kind, None)
    if isinstance(kind, type) and issubclass(kind, sqlite3.Error | sqlite3.Warning):
        error: Any = kind(fault.message)
        if fault.code is not None:
            error.sqlite_errorcode = fault.code
        return error
    if fault.kind in ("ValueError", "OverflowError", "UnicodeEncodeError"):
        return sqlite_error(
            fault.message, sqlite3.SQLITE_ERROR
        )  # of the text or a parameter of the statement
    return RuntimeError(f"the reading process failed: {fault.kind}: {fault.message}")


def sqlite_error(message: str, code: int) -> sqlite3.OperationalError:
    """Return an error as SQLite would raise it."""
    error: Any = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error
