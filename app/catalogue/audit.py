"""The audit record: append-only rows, each chained to the one before it by SHA-256."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import delete, func, insert, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.audit_chain import (
    COLUMNS,
    HEAD_FILE,
    HEAD_NAME,
    Head,
    chained,
    read_head,
    removal_told,
    write_head,
)
from app.catalogue.batch_write import MAINTENANCE, MAX_ROWS, in_steps
from app.catalogue.readers import Readers
from app.catalogue.schema import audit, meta
from app.catalogue.times import from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from app.line_numbers import LINE_NUMBERS
from streams.records.base import Record
from streams.records.log_match import matcher
from streams.records.logs import LogFilter, LogLine, LogPage
from streams.safe_text import terminal_text
from streams.vocabulary import AuditAction, LogLevel, LogSource

log = structlog.stdlib.get_logger(__name__)

DONE = "done"
"""The result of what went well; any other is a refusal or a failure."""
LONGEST_NAME = 120
LONGEST_TEXT = 400
PURGE_SLACK = timedelta(days=1)
KEPT_ROWS = 1000
MOST_READ = 5000
"""Rows that one question looks at; the next page goes on from there."""

_SETTINGS = "audited_settings"
_NEWEST = select(audit.c.seq, audit.c.line_id, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)


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


def note_in(transaction: Transaction, notes: Sequence[AuditNote]) -> None:
    """Append rows inside a write; their texts are bounded, and control characters are written as escapes."""
    kept = transaction.all(select(meta.c.value).where(meta.c.name == HEAD_NAME))
    head = max(_kept(kept), _newest(transaction.all(_NEWEST)), key=lambda each: each.seq)
    rows: list[dict[str, Any]] = []
    for note in notes:
        seq, line_id = head.seq + 1, LINE_NUMBERS.next(max(head.line_id + 1, transaction.now_us))
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
        hash_ = chained(head.hash, [row[name] for name in COLUMNS])
        rows.append(row | {"previous": head.hash, "hash": hash_})
        head = Head(seq, line_id, hash_)
    transaction.insert(audit, rows)
    if kept:
        transaction.run(update(meta).where(meta.c.name == HEAD_NAME).values(value=head.text()))
    else:
        transaction.run(insert(meta).values(name=HEAD_NAME, value=head.text()))


class AuditLog:
    """Appends to the record and reads it as log lines."""

    def __init__(self, path: Path, readers: Readers, writer: Writer) -> None:
        self._path = path
        self._readers = readers
        self._writer = writer
        self._saved: Head | None = None
        """What this process last wrote to the file beside the catalogue."""

    async def note(self, *notes: AuditNote) -> None:
        """Append rows; returns once they are durable."""
        await self._writer.write(lambda transaction: note_in(transaction, notes))

    async def note_settings(self, values: Mapping[str, str]) -> None:
        """Append a row for each setting that differs from when the server last started."""

        def work(transaction: Transaction) -> None:
            kept = transaction.all(select(meta.c.value).where(meta.c.name == _SETTINGS))
            text = msgspec.json.encode(dict(values)).decode()
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

    async def purge(self, before: datetime) -> int:
        """Remove rows that are older than a time, in small writes; return how many.

        Nothing is done until the oldest is a day older than that. The newest KEPT_ROWS stay whatever their
        age. In each write a row is appended that names the last one that went, see ``audit_chain``.
        """
        oldest = await self._readers.rows(select(audit.c.at).order_by(audit.c.seq).limit(1))
        if not oldest or oldest[0].at >= to_us(before - PURGE_SLACK):
            return 0

        def step(transaction: Transaction, most: int) -> int:
            newest = transaction.run(select(func.max(audit.c.seq))).scalar_one()
            first = (
                select(audit.c.seq, audit.c.line_id, audit.c.at, audit.c.hash)
                .where(audit.c.seq <= newest - KEPT_ROWS)
                .order_by(audit.c.seq)
                .limit(min(most, MAX_ROWS - 2))
            )
            gone: list[AnyRow] = []
            for row in transaction.all(first):
                if row.at >= to_us(before):
                    break
                gone.append(row)
            if not gone:
                return 0
            last = Head(gone[-1].seq, gone[-1].line_id, gone[-1].hash)
            transaction.run(delete(audit).where(audit.c.seq <= last.seq))
            note = AuditNote(
                action=AuditAction.AUDIT_PURGE,
                who="server",
                target=f"rows before {before:%Y-%m-%d}",
                detail=removal_told(last, len(gone)),
            )
            note_in(transaction, [note])
            return len(gone)

        return await in_steps(self._writer, step, flow=MAINTENANCE)

    async def begin_anew(self, note: AuditNote) -> None:
        """Append a row and let the file beside the catalogue name it, whatever that has named before.

        For the commands that put another catalogue in its place; raises OSError.
        """
        await self.note(note)
        await asyncio.to_thread(write_head, self._path, await self.head())

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
        # Both rise together; where newer rows are passed over, those of the table itself come sooner.
        order = audit.c.line_id if wanted.until is None else audit.c.seq
        asked = select(audit).order_by(order.desc()).limit(MOST_READ + 1)
        if before is not None:
            asked = asked.where(audit.c.line_id < before)
        if wanted.until is not None:
            # By the time itself: after a clock that was ahead the numbers are higher than the times.
            asked = asked.where(audit.c.at <= to_us(wanted.until))
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
        head, beside = await self.head(), await asyncio.to_thread(read_head, self._path)
        # A file that somebody removes meanwhile is no way to cut rows off.
        kept = beside if beside is not None else self._saved
        if kept is None and head.seq == 0:
            return True
        if kept is not None and kept != head:
            rows = await self._readers.rows(select(audit.c.hash).where(audit.c.seq == kept.seq))
            if not rows or rows[0].hash != kept.hash:
                return False
        if beside != head:
            await asyncio.to_thread(write_head, self._path, head)
        self._saved = head
        return True

    async def has_head(self) -> bool:
        """Return whether there is a file beside the catalogue."""
        return await asyncio.to_thread(self._path.with_name(HEAD_FILE).exists)


def _kept(rows: Sequence[AnyRow]) -> Head:
    """Return the head that the catalogue names; one that somebody has damaged keeps no row out."""
    try:
        return Head.of(str(rows[0].value)) if rows else Head()
    except ValueError:
        log.error("audit_head_damaged", hint="What the catalogue names as its newest audit row is none.")
        return Head()


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


def _bounded(text: str, longest: int) -> str:
    shown = terminal_text(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
