"""One write: its statements, the numbers it gives out and the events it leaves."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar, cast

import structlog
from msgspec.structs import replace
from sqlalchemy import (
    ColumnDefault,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from app.catalogue import schema
from app.catalogue.aliases import AnyRow
from app.catalogue.times import to_us
from app.wire.limits import MAX_REASON, clipped
from streams.model.clients import Client, ClientRemoved
from streams.model.events import Event, encode
from streams.model.files import FilesChanged
from streams.model.runs import Run
from streams.model.server import Activity
from streams.model.vocabulary import EventKind, ServerState, Topic

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

AT_ONCE = 5000
_NUMBERS = select(schema.sequences.c.name, schema.sequences.c.value)
_NUMBERED = (
    update(schema.sequences)
    .where(schema.sequences.c.name == bindparam("which"))
    .values(value=bindparam("last"))
)


@lru_cache(maxsize=256)
def _insert_statement(
    dialect: Dialect, table: Table, given: tuple[str, ...]
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Return an insert as text, the order of its values, and what is not given."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(given))
    columns = tuple(compiled.positiontup or ())
    missing = [table.c[name] for name in columns if name not in given]
    defaults = {str(each.key): cast(ColumnDefault, each.default).arg for each in missing}
    return str(compiled), columns, defaults


@dataclass(slots=True)
class Told:
    """What an activity line says beside its kind, its client and its run."""

    files: int | None = None
    bytes: int | None = None
    duration_s: float | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Mark:
    sequences: dict[str, int]
    events: int
    lines: int


@dataclass(slots=True)
class Transaction:
    """A write in progress; everything in it becomes durable together, or nothing.

    It lives in the writer's thread: its calls block, and what needs the loop is asked there.
    """

    connection: Connection
    now: datetime
    loop: asyncio.AbstractEventLoop
    committed_at: datetime | None = None
    """When it had become durable."""
    jobs: int = 0
    """How many writes of different callers are in it."""
    took_s: float = 0.0
    """How long it has held the lock, the commit included, in seconds."""
    now_us: int = 0
    sequences: dict[str, int] = field(default_factory=dict[str, int])
    events: list[Event] = field(default_factory=list[Event])
    _lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _given: dict[str, int] = field(default_factory=dict[str, int])

    def begin(self) -> None:
        """Learn the numbers given out so far; another process may have given out some."""
        self.now_us = to_us(self.now)
        self.sequences = {name: value for name, value in self.all(_NUMBERS)}  # noqa: C416  (rows are no tuples)

    def run(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Execute one statement, once for each of ``rows`` if there are several."""
        return self.connection.execute(statement, rows)

    def all(self, statement: Executable) -> Sequence[AnyRow]:
        """Return all rows of one statement."""
        return self.connection.execute(statement).all()

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, all with the same columns; several times cheaper than ``run`` where there are many."""
        if not rows:
            return
        sql, columns, defaults = _insert_statement(self.connection.dialect, table, tuple(rows[0]))
        values = itemgetter(*columns)
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            full = [{**defaults, **row} for row in part] if defaults else part
            self.connection.exec_driver_sql(sql, [values(row) for row in full])

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine answers, which runs on the loop while the write waits."""
        return asyncio.run_coroutine_threadsafe(question, self.loop).result()

    def numbers(self, name: str, count: int = 1) -> int:
        """Give out ``count`` new numbers of a kind; return the first."""
        first = self.sequences.get(name, 0) + 1
        self.sequences[name] = first + count - 1
        self._given[name] = self.sequences[name]
        return first

    def emit(
        self,
        kind: EventKind,
        *topics: Topic,
        client: Client | None = None,
        run: Run | None = None,
        files: FilesChanged | None = None,
        removed: ClientRemoved | None = None,
        server_state: ServerState | None = None,
        told: Told | None = None,
        client_no: int | None = None,
    ) -> Event:
        """Leave an event; with ``told`` it is also a line of the activity."""
        seq = self.numbers("events")
        line = None
        if files is not None and len(files.path) > MAX_REASON:
            files = replace(files, path=clipped(files.path))
        if told is not None:
            reason = None if told.reason is None else clipped(told.reason)
            line = Activity(
                seq=seq,
                at=self.now,
                kind=kind,
                client_id=client.id if client else None,
                client_name=client.name if client else None,
                run_id=run.id if run else None,
                run_state=run.state if run and run.state.ended else None,
                files=told.files,
                bytes=told.bytes,
                duration_s=told.duration_s,
                reason=reason,
            )
            self._lines.append(
                {
                    "seq": seq,
                    "at": self.now_us,
                    "kind": kind.value,
                    "client_no": client_no,
                    "client_name": line.client_name,
                    "run_id": line.run_id,
                    "run_state": line.run_state.value if line.run_state else None,
                    "files": told.files,
                    "bytes": told.bytes,
                    "duration_s": told.duration_s,
                    "reason": reason,
                }
            )
            topics = (*topics, Topic.ACTIVITY)
        event = Event(
            seq=seq,
            at=self.now,
            kind=kind,
            topics=topics,
            client=client,
            removed=removed,
            run=run,
            files=files,
            server_state=server_state,
            activity=line,
        )
        self.events.append(event)
        return event

    def mark(self) -> _Mark:
        """Remember where the transaction stands, before a part of it that may fail."""
        return _Mark(dict(self.sequences), len(self.events), len(self._lines))

    def back_to(self, mark: _Mark) -> None:
        """Forget what a failed part gave out and left; its statements are rolled back by the savepoint."""
        self.sequences = mark.sequences
        del self.events[mark.events :]
        del self._lines[mark.lines :]

    def attempt(self, work: Callable[[], T], failures: tuple[type[Exception], ...]) -> T | None:
        """Return what a part of the write returns; None, and nothing of it is left, where it fails so."""
        mark = self.mark()
        savepoint = self.connection.begin_nested()
        try:
            result = work()
        except failures as error:
            savepoint.rollback()
            self.back_to(mark)
            log.warning("part_of_write_failed", reason=str(error)[:200])
            return None
        savepoint.commit()
        return result

    def finish(self) -> None:
        """Write the events, the activity and the numbers given out, right before the commit."""
        if self.events:
            self.insert(
                schema.events,
                [
                    {
                        "seq": event.seq,
                        "at": self.now_us,
                        "kind": event.kind.value,
                        "topics": ",".join(event.topics),
                        "payload": encode(event).decode(),
                    }
                    for event in self.events
                ],
            )
        if self._lines:
            self.insert(schema.activity, self._lines)
        if self._given:
            self.run(_NUMBERED, [{"which": name, "last": self.sequences[name]} for name in self._given])
