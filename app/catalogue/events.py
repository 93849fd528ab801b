"""The numbered events and the lines of activity that people read."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Table, delete, func, select

from app.catalogue.aliases import AnyRow
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.clients import client_row, standing
from app.catalogue.readable import readable
from app.catalogue.readers import Readers
from app.catalogue.rows import activity_of, client_of, select_activity
from app.catalogue.schema import activity, clients, events
from app.catalogue.times import to_us
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.events import Event
from streams.model.server import Activity
from streams.model.vocabulary import EventKind, ServerState, Topic

MAX_KEPT = 100_000
"""Events that are kept for consoles that were away, however young they are."""

decode_event = msgspec.json.Decoder(Event).decode


def _event_of(row: AnyRow) -> Event:
    return decode_event(row.payload)


class Events:
    """What happened, numbered without a gap, for consoles that were away."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer

    async def after(self, seq: int, limit: int = 1000, topics: Sequence[Topic] | None = None) -> list[Event]:
        """Return events with greater numbers, in their order; with ``topics`` only those of any of them."""
        found: list[Event] = []
        wanted = None if topics is None else frozenset(topics)
        while len(found) < limit:
            rows = await self._readers.rows(
                select(events.c.seq, events.c.payload)
                .where(events.c.seq > seq)
                .order_by(events.c.seq)
                .limit(limit)
            )
            decoded = readable(rows, _event_of)
            found += [each for each in decoded if wanted is None or wanted.intersection(each.topics)]
            if len(rows) < limit:
                break
            seq = rows[-1].seq
        return found[:limit]

    async def oldest_seq(self) -> int | None:
        """Return the number of the oldest event that is kept, None where there is none."""
        rows = await self._readers.rows(select(func.min(events.c.seq)))
        return rows[0][0]

    async def purge(self, older_than: datetime | None = None, *, keep: int = MAX_KEPT) -> int:
        """Delete events from before a time, and all but the newest ``keep``; return how many went."""

        # Looked up beside the writes: to find the first that is young, all older ones are passed.
        _, last = await self._readers.read(standing)
        first_kept = last - keep + 1
        if older_than is not None:
            # Numbers rise with time: only what goes is looked at, and one event more.
            young = await _first_since(self._readers, events, older_than)
            first_kept = max(first_kept, last + 1 if young is None else young)

        def step(transaction: Transaction, most: int) -> int:
            return _drop_before(transaction, events, first_kept, most)

        return await in_steps(self._writer, step, flow=MAINTENANCE)

    async def record(
        self,
        kind: EventKind,
        *,
        server_state: ServerState | None = None,
        client_id: str | None = None,
        reason: str | None = None,
    ) -> Event:
        """Number something that changes no row, such as the server's start; also a line of activity."""

        def work(transaction: Transaction) -> Event:
            row = None if client_id is None else client_row(transaction, client_id)
            return transaction.emit(
                kind,
                Topic.SERVER if row is None else Topic.CLIENTS,
                client=None if row is None else client_of(row),
                client_no=None if row is None else row.no,
                server_state=server_state,
                told=Told(reason=reason),
            )

        return await self._writer.write(work)


class ActivityLog:
    """Lines of what happened, for people; kept longer than the events."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer

    async def page(
        self, client_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Activity]:
        """Return lines, newest first, with numbers below ``before``."""
        wanted = select_activity().order_by(activity.c.seq.desc()).limit(limit)
        if client_id is not None:
            number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
            wanted = wanted.where(activity.c.client_no == number)
        if before is not None:
            wanted = wanted.where(activity.c.seq < before)
        return readable(await self._readers.rows(wanted), activity_of)

    async def purge(self, older_than: datetime) -> int:
        """Delete lines from before a time; return how many went."""

        _, last = await self._readers.read(standing)
        young = await _first_since(self._readers, activity, older_than)
        first_kept = last + 1 if young is None else young

        def step(transaction: Transaction, most: int) -> int:
            return _drop_before(transaction, activity, first_kept, most)

        return await in_steps(self._writer, step, flow=MAINTENANCE)


async def _first_since(readers: Readers, table: Table, at: datetime) -> int | None:
    """Return the number of the first row that is not older than a time."""
    wanted = select(table.c.seq).where(table.c.at >= to_us(at)).order_by(table.c.seq).limit(1)
    rows = await readers.rows(wanted)
    return rows[0].seq if rows else None


def _drop_before(transaction: Transaction, table: Table, first_kept: int, most: int) -> int:
    first = select(table.c.seq).where(table.c.seq < first_kept).order_by(table.c.seq).limit(most)
    return transaction.run(delete(table).where(table.c.seq.in_(first))).rowcount
