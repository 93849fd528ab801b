"""Delays before anything is destroyed: clients marked for removal, protection, shortened retention."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import insert, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.batch_write import in_steps
from app.catalogue.clients import change, client_row
from app.catalogue.errors import NotMarked, Protected, UnknownRun
from app.catalogue.known_time import KnownTime, Times
from app.catalogue.readers import Readers
from app.catalogue.rows import PRESENT, client_of, run_of, select_runs
from app.catalogue.schema import clients, meta, runs
from app.catalogue.times import EPOCH, from_us, to_us
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.clients import Client
from streams.model.runs import Run
from streams.model.vocabulary import EventKind, Topic

_SETTLED = "settled "


class _Settled(msgspec.Struct, frozen=True):
    """A number that holds, and one that is wished for and holds later."""

    value: float
    wished: float | None = None
    since_us: int = 0


class Waiting(NamedTuple):
    """A value that still holds although a smaller one is wished for."""

    value: float
    wished: float
    until: datetime
    """When the wished one holds at the earliest."""


class DueClient(NamedTuple):
    """A client that is to be removed now."""

    id: str
    name: str
    destroy_at: int
    """As it is kept: it tells this mark from a later one."""


class Holds:
    """The delay before anything is destroyed, and what is exempt from it."""

    def __init__(self, readers: Readers, writer: Writer, known_time: KnownTime) -> None:
        self._readers = readers
        self._writer = writer
        self._known_time = known_time
        known_time.on_believed(_hold_longer)

    async def mark(self, client_id: str, delay: timedelta) -> Client:
        """Mark a client for removal after a delay from the trusted time; a marked one keeps its time.

        Raises UnknownClient, and Protected for one that is protected or has a protected run.
        """
        destroy_at = (await self._known_time.times()).latest + delay

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if row.destroy_at is not None:
                return client_of(row)
            refuse_protected(transaction, row)
            client = change(transaction, row.no, destroy_at=to_us(destroy_at), backup_queued=False)
            transaction.emit(
                EventKind.REMOVAL_PLANNED, Topic.CLIENTS, client=client, told=Told(), client_no=row.no
            )
            return client

        return await self._writer.write(work)

    async def wait_until(self, until: datetime) -> None:
        """Let no mark be due before a time."""

        def step(transaction: Transaction, most: int) -> int:
            due = select(clients.c.no).where(clients.c.destroy_at < to_us(until), PRESENT).limit(most)
            rows = transaction.all(due)
            for row in rows:
                client = change(transaction, row.no, destroy_at=to_us(until))
                transaction.emit(EventKind.CLIENT_CHANGED, Topic.CLIENTS, client=client)
            return len(rows)

        await in_steps(self._writer, step)

    async def check_removable(self, client_id: str) -> None:
        """Raise UnknownClient, or Protected for a client that is protected or has a protected run."""

        def work(transaction: Transaction) -> None:
            refuse_protected(transaction, client_row(transaction, client_id))

        await self._writer.write(work)

    async def unmark(self, client_id: str) -> Client:
        """Take the mark away; raises UnknownClient and NotMarked."""

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if row.destroy_at is None:
                raise NotMarked(f"{row.name} is not marked for removal.")
            client = change(transaction, row.no, destroy_at=None)
            transaction.emit(
                EventKind.REMOVAL_UNDONE, Topic.CLIENTS, client=client, told=Told(), client_no=row.no
            )
            return client

        return await self._writer.write(work)

    async def due(self) -> list[DueClient]:
        """Return each marked client whose time has come and that nothing protects."""
        at = (await self._known_time.times()).judged
        protected_run = select(runs.c.id).where(runs.c.client_no == clients.c.no, runs.c.protected)
        rows = await self._readers.rows(
            select(clients.c.id, clients.c.name, clients.c.destroy_at).where(
                clients.c.destroy_at <= to_us(at),
                ~clients.c.protected,
                ~protected_run.exists(),
                PRESENT,
            )
        )
        return [DueClient(row.id, row.name, row.destroy_at) for row in rows]

    async def protect(self, client_id: str, *, protected: bool) -> Client:
        """Protect a client from removal and purge, or end that. Raises UnknownClient."""

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if bool(row.protected) is protected:
                return client_of(row)
            client = change(transaction, row.no, protected=protected)
            transaction.emit(EventKind.CLIENT_CHANGED, Topic.CLIENTS, client=client)
            return client

        return await self._writer.write(work)

    async def protect_run(self, run_id: int, *, protected: bool) -> Run:
        """Protect what a run has backed up, and its client from removal, or end that. Raises UnknownRun."""

        def work(transaction: Transaction) -> Run:
            wanted = select_runs().where(runs.c.id == run_id)
            known = transaction.all(wanted)
            if not known:
                raise UnknownRun(f"No run has the number {run_id}.")
            if bool(known[0].protected) is protected:
                return run_of(known[0])
            transaction.run(update(runs).where(runs.c.id == run_id).values(protected=protected))
            run = run_of(transaction.all(wanted)[0])
            transaction.emit(EventKind.RUN_CHANGED, Topic.RUNS, run=run)
            return run

        return await self._writer.write(work)

    async def settled_delay_h(self, wished: float) -> float:
        """Return how many hours a mark is held: a shorter delay holds only after the one before."""
        return await self.settled("destroy_delay_h", wished, None)

    async def waiting(self) -> dict[str, Waiting]:
        """Return the settings that were made less and whose former value still holds, by name."""
        rows = await self._readers.rows(select(meta).where(meta.c.name.startswith(_SETTLED)))
        known = {
            row.name.removeprefix(_SETTLED): msgspec.json.decode(row.value, type=_Settled) for row in rows
        }
        delay = known.get("destroy_delay_h", _Settled(0.0)).value
        return {
            name: Waiting(each.value, each.wished, from_us(each.since_us) + timedelta(hours=delay))
            for name, each in known.items()
            if each.wished is not None and each.wished < each.value
        }

    async def settled(self, name: str, wished: float, delay: timedelta | None) -> float:
        """Return which value of a setting holds now: a smaller one than before holds only after a delay.

        Without a ``delay`` the value itself is the delay, in hours. It passes by the time that is trusted.
        """
        times = await self._known_time.times()

        def work(transaction: Transaction) -> float:
            key = f"{_SETTLED}{name}"
            kept = transaction.all(select(meta.c.value).where(meta.c.name == key))
            known = msgspec.json.decode(kept[0].value, type=_Settled) if kept else _Settled(wished)
            held = timedelta(hours=known.value) if delay is None else delay
            new = _after(known, wished, times, held)
            text = msgspec.json.encode(new).decode()
            if not kept:
                transaction.run(insert(meta).values(name=key, value=text))
            elif new != known:
                transaction.run(update(meta).where(meta.c.name == key).values(value=text))
            return new.value

        return await self._writer.write(work)


def _after(known: _Settled, wished: float, times: Times, delay: timedelta) -> _Settled:
    if wished >= known.value:
        return _Settled(wished)
    latest_us = to_us(times.latest)
    # From a clock that was ahead: it counts from now on, instead of never.
    since_us = min(known.since_us, latest_us) if known.wished == wished else latest_us
    if to_us(times.judged) - since_us >= delay.total_seconds() * 1e6:
        return _Settled(wished)
    return _Settled(known.value, wished, since_us)


def _hold_longer(transaction: Transaction, jump: timedelta) -> None:
    """Move what is marked or settles later by the length of a jump of the clock: that time was not waited.

    A mark from before the clock was wrong is not moved by years: it waits its whole delay once more at most.
    """
    jump_us = jump // timedelta(microseconds=1)
    settled = [
        (row.name, msgspec.json.decode(row.value, type=_Settled))
        for row in transaction.all(select(meta).where(meta.c.name.startswith(_SETTLED)))
    ]
    delay_h = max((known.value for name, known in settled if name == f"{_SETTLED}destroy_delay_h"), default=0)
    latest_us = transaction.now_us + to_us(EPOCH + timedelta(hours=delay_h))
    marked = transaction.all(
        select(clients.c.no, clients.c.destroy_at).where(clients.c.destroy_at.is_not(None))
    )
    for row in marked:
        later_us = max(row.destroy_at, min(row.destroy_at + jump_us, latest_us))
        client = change(transaction, row.no, destroy_at=later_us)
        transaction.emit(EventKind.CLIENT_CHANGED, Topic.CLIENTS, client=client)
    for name, known in settled:
        later = msgspec.structs.replace(known, since_us=known.since_us + jump_us)
        if known.wished is not None:
            text = msgspec.json.encode(later).decode()
            transaction.run(update(meta).where(meta.c.name == name).values(value=text))


def refuse_protected(transaction: Transaction, client: AnyRow) -> None:
    """Raise Protected inside a write for a client that is protected or has a protected run."""
    if client.protected:
        raise Protected(f"{client.name} is protected.", hint="End its protection first.")
    held = transaction.all(select(runs.c.id).where(runs.c.client_no == client.no, runs.c.protected).limit(1))
    if held:
        raise Protected(f"Run {held[0].id} of {client.name} is protected.", hint="End its protection first.")
