"""The audit record: append-only rows, each chained to the one before it by SHA-256."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import delete, func, insert, select, update

from app.catalogue.access_schema import audit
from app.catalogue.aliases import AnyRow
from app.catalogue.audit_chain import HEAD_FILE, Head, read_head, removal_told, write_head
from app.catalogue.audit_intents import delete_intents, insert_intent, new_intent, unanswered
from app.catalogue.audit_note import AuditNote
from app.catalogue.audit_rows import NEWEST, line_of, newest_of, note_in
from app.catalogue.batch_write import MAINTENANCE, MAX_ROWS, in_steps
from app.catalogue.readers import Readers
from app.catalogue.schema import meta
from app.catalogue.times import to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.failures import TidewatchError
from streams.model.log_match import matcher
from streams.model.logs import LogFilter, LogLine, LogPage
from streams.model.vocabulary import AuditAction

log = structlog.stdlib.get_logger(__name__)

PURGE_SLACK = timedelta(days=1)
KEPT_ROWS = 1000
MAX_READ = 5000
"""Rows that one question looks at; the next page goes on from there."""

_SETTINGS = "audited_settings"


@dataclass(slots=True)
class Command:
    """A command at work, and the note that its row is made of when it has ended."""

    note: AuditNote

    def about(self, **known: Any) -> None:
        """Complete the note by what is known only now."""
        self.note = replace(self.note, **known)


def remember_settings(transaction: Transaction, values: Mapping[str, str]) -> dict[str, str]:
    """Keep what settings are worth, by name, beside what others are; return what all were before."""
    kept = transaction.all(select(meta.c.value).where(meta.c.name == _SETTINGS))
    before = msgspec.json.decode(kept[0].value, type=dict[str, str]) if kept else {}
    text = msgspec.json.encode(before | dict(values)).decode()
    if not kept:
        transaction.run(insert(meta).values(name=_SETTINGS, value=text))
    elif text != kept[0].value:
        transaction.run(update(meta).where(meta.c.name == _SETTINGS).values(value=text))
    return before


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

    async def intend(self, note: AuditNote, *, by_command: bool = False) -> AuditNote:
        """Keep that an order begins; returns, once that is durable, the note to append or to ``drop``.

        Whatever ends this process before either, the order gets its row by ``recover``.
        """
        begun = replace(note, intent=new_intent())
        await self._writer.write(lambda transaction: insert_intent(transaction, begun, by_command=by_command))
        return begun

    async def drop(self, note: AuditNote) -> None:
        """Let the intent of a note go that gets no row."""
        await self._writer.write(lambda transaction: delete_intents(transaction, [note]))

    @asynccontextmanager
    async def command(self, note: AuditNote) -> AsyncGenerator["Command"]:
        """Append the row of a command that works within this block; one that is refused leaves none."""
        command = Command(await self.intend(note, by_command=True))
        try:
            yield command
        except TidewatchError:
            await self.drop(command.note)
            raise
        await self.note(command.note)

    async def recover(self, *, commands: bool) -> int:
        """Append a row for each order that was begun and is not answered; return how many.

        At the start of a server, before it takes orders; ``commands``: no command works on the catalogue.
        """

        def step(transaction: Transaction, most: int) -> int:
            notes = unanswered(transaction, most, commands=commands)
            if notes:
                note_in(transaction, notes)
            return len(notes)

        return await in_steps(self._writer, step)

    async def note_settings(self, values: Mapping[str, str]) -> None:
        """Append a row for each setting that differs from when the server last started."""

        def work(transaction: Transaction) -> None:
            before = remember_settings(transaction, values)
            notes = [
                AuditNote(
                    action=AuditAction.CHANGE_SETTINGS,
                    who="server",
                    target=name,
                    detail=f"{before[name]} to {value}",
                )
                for name, value in values.items()
                if before.get(name, value) != value
            ]
            if notes:
                note_in(transaction, notes)

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
        await self.accept_head()

    async def accept_head(self) -> None:
        """Let the file beside the catalogue name the newest row, whatever it has named; raises OSError."""
        await asyncio.to_thread(write_head, self._path, await self.head())

    async def head(self) -> Head:
        """Return the newest row; number 0 where there is none."""
        return newest_of(await self._readers.rows(NEWEST))

    async def after(self, seq: int, limit: int = 500) -> list[tuple[int, LogLine]]:
        """Return rows with greater numbers as lines of the log, oldest first, each with its number."""
        wanted = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(limit)
        return [(row.seq, line_of(row)) for row in await self._readers.rows(wanted)]

    async def page(self, wanted: LogFilter, before: int | None, limit: int) -> LogPage:
        """Return lines, newest first; raises WrongExpression."""
        matches = matcher(wanted)
        # Both rise together; where newer rows are passed over, those of the table itself come sooner.
        order = audit.c.line_id if wanted.until is None else audit.c.seq
        asked = select(audit).order_by(order.desc()).limit(MAX_READ + 1)
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
            if len(found) == limit or number == MAX_READ:
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
