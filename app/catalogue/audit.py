"""The audit record: append-only rows, each chained to the one before it by SHA-256."""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import insert, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.errors import translated
from app.catalogue.readers import Readers
from app.catalogue.schema import audit, meta
from app.catalogue.times import from_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.records.base import Record
from streams.records.log_match import matcher
from streams.records.logs import LogFilter, LogLine, LogPage
from streams.safe_text import terminal_text
from streams.vocabulary import AuditAction, LogLevel, LogSource

HEAD_FILE = "audit.head"
"""Beside the catalogue: number and hash of the newest row, so that a tail that was cut off is missed."""
DONE = "done"
"""The result of what went well; any other is a refusal or a failure."""
LONGEST_NAME = 120
LONGEST_TEXT = 400
MOST_READ = 5000
"""Rows that one question looks at; the next page goes on from there."""

_HEAD = "audit_head"
_SETTINGS = "audited_settings"
_FIRST = bytes(32)
_NEWEST = select(audit.c.seq, audit.c.line_id, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
_COLUMNS = (
    "seq", "at", "line_id", "who", "address", "action", "target", "client_id", "result", "detail", "count",
)  # fmt: skip


class AuditNote(Record, frozen=True, kw_only=True):
    """What somebody did or tried."""

    action: AuditAction
    who: str = ""
    """The name of a token, of a client, or of the user at the command line; empty for nobody known."""
    address: str = ""
    """The network address it came from; empty for the command line."""
    target: str = ""
    client_id: str | None = None
    result: str = DONE
    detail: str = ""
    count: int = 1
    """How many times, where equal ones are gathered into one row."""


class Head(NamedTuple):
    """The newest row of the chain."""

    seq: int = 0
    line_id: int = 0
    hash: bytes = _FIRST

    def text(self) -> str:
        """Return it as it is kept."""
        return f"{self.seq} {self.line_id} {self.hash.hex()}"

    @classmethod
    def of(cls, text: str) -> "Head":
        """Return it from its text; raises ValueError."""
        seq, line_id, hash_ = text.split()
        return cls(int(seq), int(line_id), bytes.fromhex(hash_))


def note_in(transaction: Transaction, notes: Sequence[AuditNote]) -> None:
    """Append rows inside a write; their texts are bounded, and control characters are written as escapes."""
    kept = transaction.all(select(meta.c.value).where(meta.c.name == _HEAD))
    head = Head.of(kept[0].value) if kept else _newest(transaction.all(_NEWEST))
    rows: list[dict[str, Any]] = []
    for note in notes:
        seq, line_id = head.seq + 1, max(head.line_id + 1, transaction.now_us)
        row = {
            "seq": seq,
            "at": transaction.now_us,
            "line_id": line_id,
            "who": _bounded(note.who, LONGEST_NAME),
            "address": _bounded(note.address, LONGEST_NAME),
            "action": note.action.value,
            "target": _bounded(note.target, LONGEST_TEXT),
            "client_id": note.client_id,
            "result": _bounded(note.result, LONGEST_NAME),
            "detail": _bounded(note.detail, LONGEST_TEXT),
            "count": note.count,
        }
        hash_ = _hash(head.hash, [row[name] for name in _COLUMNS])
        rows.append(row | {"previous": head.hash, "hash": hash_})
        head = Head(seq, line_id, hash_)
    transaction.insert(audit, rows)
    if kept:
        transaction.run(update(meta).where(meta.c.name == _HEAD).values(value=head.text()))
    else:
        transaction.run(insert(meta).values(name=_HEAD, value=head.text()))


class AuditLog:
    """Appends to the record and reads it as log lines."""

    def __init__(self, path: Path, readers: Readers, writer: Writer) -> None:
        self._path = path
        self._readers = readers
        self._writer = writer

    async def note(self, *notes: AuditNote) -> None:
        """Append rows; returns once they are durable."""
        await self._writer.write(lambda transaction: note_in(transaction, notes))

    async def note_settings(self, values: Mapping[str, str]) -> None:
        """Append a row for each setting that differs from when the server last started."""

        def work(transaction: Transaction) -> None:
            kept = transaction.all(select(meta.c.value).where(meta.c.name == _SETTINGS))
            text = _encode(dict(values)).decode()
            if not kept:
                transaction.run(insert(meta).values(name=_SETTINGS, value=text))
                return
            before = msgspec.json.decode(kept[0].value, type=dict[str, str])
            changed = [name for name in values if before.get(name, values[name]) != values[name]]
            if changed or before.keys() != values.keys():
                transaction.run(update(meta).where(meta.c.name == _SETTINGS).values(value=text))
            if changed:
                note_in(
                    transaction,
                    [
                        AuditNote(
                            action=AuditAction.CHANGE_SETTINGS,
                            who="server",
                            target=name,
                            detail=f"{before[name]} to {values[name]}",
                        )
                        for name in changed
                    ],
                )

        await self._writer.write(work)

    async def head(self) -> Head:
        """Return the newest row; number 0 where there is none."""
        return _newest(await self._readers.rows(_NEWEST))

    async def after(self, seq: int, limit: int = 500) -> list[tuple[int, LogLine]]:
        """Return rows with greater numbers as lines of the log, oldest first, each with its number."""
        wanted = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(limit)
        return [(row.seq, line_of(row)) for row in await self._readers.rows(wanted)]

    async def page(self, wanted: LogFilter, before: int | None, limit: int) -> LogPage:
        """Return lines, newest first; raises WrongExpression."""
        matches = matcher(wanted)
        upto = before if before is not None else wanted.before
        asked = select(audit).order_by(audit.c.line_id.desc()).limit(MOST_READ + 1)
        if upto is not None:
            asked = asked.where(audit.c.line_id < upto)
        if wanted.client_id is not None:
            asked = asked.where(audit.c.client_id == wanted.client_id)
        if wanted.run_id is not None or wanted.correlation_id is not None:
            return LogPage(lines=())
        found: list[LogLine] = []
        for number, row in enumerate(await self._readers.rows(asked)):
            if len(found) == limit or number == MOST_READ:
                return LogPage(lines=tuple(found), next_before=row.line_id + 1)
            line = line_of(row)
            if matches(line):
                found.append(line)
        return LogPage(lines=tuple(found))

    async def save_head(self) -> bool:
        """Write number and hash of the newest row to the file beside the catalogue, if they continue it.

        Returns False where the file names a row that is not there any more: then it is left as it is, as
        the witness of that. Raises OSError.
        """
        head, kept = await self.head(), await asyncio.to_thread(read_head, self._path)
        if kept is None and head.seq == 0:
            return True
        if kept is not None and kept != head:
            rows = await self._readers.rows(select(audit.c.hash).where(audit.c.seq == kept.seq))
            if not rows or rows[0].hash != kept.hash:
                return False
        if kept != head:
            await asyncio.to_thread(write_head, self._path, head)
        return True


def _newest(rows: Sequence[AnyRow]) -> Head:
    return Head(rows[0].seq, rows[0].line_id, rows[0].hash) if rows else Head()


def line_of(row: AnyRow) -> LogLine:
    """Return a row as a line of the log."""
    fields = {
        "who": row.who,
        "from": row.address,
        "on": row.target,
        "result": row.result,
        "detail": row.detail,
        "count": str(row.count) if row.count != 1 else "",
        "number": str(row.seq),
    }
    return LogLine(
        id=row.line_id,
        at=from_us(row.at),
        level=LogLevel.INFO if row.result == DONE else LogLevel.WARNING,
        source=LogSource.AUDIT,
        logger="audit",
        message=row.action.replace("_", " "),
        fields={name: text for name, text in fields.items() if text},
        client_id=row.client_id,
    )


def read_head(catalogue: Path) -> Head | None:
    """Return what the file beside a catalogue says; None where there is none. Raises OSError."""
    try:
        return Head.of(catalogue.with_name(HEAD_FILE).read_text("ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        return Head(-1)


def write_head(catalogue: Path, head: Head) -> None:
    """Write the file beside a catalogue, whole or not at all; raises OSError."""
    file = catalogue.with_name(HEAD_FILE)
    draft = file.with_suffix(".head.new")
    with suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(f"{head.text()}\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


def prove(catalogue: Path) -> tuple[int, list[str]]:
    """Walk the whole chain; return how many rows it has and each fault: changed, missing, reordered, cut.

    Blocks; call it in a thread. Raises one of the catalogue's errors where it cannot be read, and OSError
    where the file with its head cannot.
    """
    with translated(catalogue), closing(sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)) as database:
        database.execute("BEGIN")
        kept = database.execute("SELECT value FROM meta WHERE name = ?", (_HEAD,)).fetchone()
        witnesses = [("the catalogue", Head.of(kept[0]))] if kept else []
        beside = read_head(catalogue)
        if beside is not None:
            witnesses.append((HEAD_FILE, beside))
        return _walk(database, witnesses)


def _walk(database: sqlite3.Connection, witnesses: list[tuple[str, Head]]) -> tuple[int, list[str]]:
    faults: list[str] = []
    last, previous, count = 0, _FIRST, 0
    awaited = {name: head for name, head in witnesses if head.seq != 0}
    for values, told_previous, hash_ in _rows(database):
        seq = values[0]
        if seq != last + 1:
            faults.append(f"rows {last + 1} to {seq - 1} are missing")
        elif told_previous != previous:
            faults.append(f"row {seq} does not follow row {last}")
        if hash_ != _hash(told_previous, values):
            faults.append(f"row {seq} was changed")
        for name, head in list(awaited.items()):
            if head.seq == seq:
                del awaited[name]
                if head.hash != hash_:
                    faults.append(f"row {seq} is not the one that {name} names")
        last, previous, count = seq, hash_, count + 1
    faults += [
        f"rows after {last} are missing: {name} names row {head.seq}"
        if head.seq > 0
        else f"{name} cannot be read"
        for name, head in awaited.items()
    ]
    return count, faults


def _rows(database: sqlite3.Connection) -> Iterator[tuple[list[Any], bytes, bytes]]:
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    wanted = f"SELECT {columns}, previous, hash FROM audit ORDER BY seq"
    for row in database.execute(wanted):
        yield list(row[: len(_COLUMNS)]), row[-2], row[-1]


_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def _hash(previous: bytes, values: Sequence[Any]) -> bytes:
    return hashlib.sha256(previous + _encode(list(values))).digest()


def _bounded(text: str, longest: int) -> str:
    shown = terminal_text(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
