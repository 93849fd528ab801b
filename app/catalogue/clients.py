"""Questions and writes about clients."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Update, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow
from app.catalogue.batch_write import MAX_ROWS, in_steps
from app.catalogue.errors import BadQuery, UnknownClient
from app.catalogue.readable import readable
from app.catalogue.readers import Readers
from app.catalogue.rows import CLIENT_COLUMNS, PRESENT, client_of
from app.catalogue.schema import clients, meta, sequences
from app.catalogue.times import to_us
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.clients import Client
from streams.model.vocabulary import ClientState, EventKind, Topic

_KIND_OF_STATE = {
    ClientState.ONLINE: EventKind.CLIENT_ONLINE,
    ClientState.OFFLINE: EventKind.CLIENT_OFFLINE,
    ClientState.DISCONNECTED: EventKind.CLIENT_DISCONNECTED,
    ClientState.REVOKED: EventKind.CLIENT_REVOKED,
    ClientState.NEVER: EventKind.CLIENT_CHANGED,
}
_BY_ID = select(*CLIENT_COLUMNS).where(clients.c.id == bindparam("client_id"))


def client_row(transaction: Transaction, client_id: str) -> AnyRow:
    """Return the row of a client inside a write; raises UnknownClient."""
    rows = transaction.run(_BY_ID, {"client_id": client_id}).all()
    if not rows:
        raise unknown(client_id)
    return rows[0]


def change(transaction: Transaction, no: int, **values: Any) -> Client:
    """Set columns of a client inside a write; return it as it is then."""
    if any(isinstance(value, ClauseElement) for value in values.values()):
        computed = update(clients).where(clients.c.no == no).values(**values).returning(*CLIENT_COLUMNS)
        return client_of(transaction.run(computed).one())
    given = {f"to_{name}": value for name, value in values.items()}
    return client_of(transaction.run(_changed(tuple(values)), {"which": no, **given}).one())


@lru_cache(maxsize=64)
def _changed(names: tuple[str, ...]) -> Update:
    """Return the statement that sets these columns of a client; to build one costs more than to run it."""
    values = {name: bindparam(f"to_{name}") for name in names}
    return update(clients).where(clients.c.no == bindparam("which")).values(values).returning(*CLIENT_COLUMNS)


async def standing(connection: AsyncConnection) -> tuple[str, int]:
    """Return epoch and last event number as of this read."""
    epoch = (await connection.execute(select(meta.c.value).where(meta.c.name == "epoch"))).scalar_one()
    return epoch, await last_event(connection)


async def last_event(connection: AsyncConnection) -> int:
    """Return the last event number as of this read."""
    wanted = select(sequences.c.value).where(sequences.c.name == "events")
    return (await connection.execute(wanted)).scalar_one()


def unknown(client_id: str) -> UnknownClient:
    """Return the error for an id that no client has."""
    return UnknownClient(f"No client has the id {client_id}.")


def _seen(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note when clients were heard of: ``whose`` id, and ``at_us``."""
    transaction.run(
        update(clients).where(clients.c.id == bindparam("whose")).values(last_seen_at=bindparam("at_us")),
        rows,
    )


class Clients:
    """The machines whose files are kept."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer

    async def all(self) -> tuple[str, int, tuple[Client, ...]]:
        """Return epoch, last event number and all clients by name, all of the same moment."""

        async def work(connection: AsyncConnection) -> tuple[str, int, tuple[Client, ...]]:
            epoch, seq = await standing(connection)
            rows = await connection.execute(select(*CLIENT_COLUMNS).where(PRESENT).order_by(clients.c.name))
            return epoch, seq, tuple(readable(rows, client_of))

        return await self._readers.read(work)

    async def one(self, client_id: str) -> Client:
        """Return a client; raises UnknownClient."""
        rows = await self._readers.rows(select(*CLIENT_COLUMNS).where(clients.c.id == client_id))
        if not rows:
            raise unknown(client_id)
        return client_of(rows[0])

    async def revision(self, client_id: str) -> str:
        """Return the revision of a client's tree, see ``revision.py``; raises UnknownClient."""
        rows = await self._readers.rows(select(clients.c.revision).where(clients.c.id == client_id))
        if not rows:
            raise unknown(client_id)
        return str(rows[0].revision)

    async def by_name(self, name: str) -> Client | None:
        """Return the client of this name, or None."""
        rows = await self._readers.rows(select(*CLIENT_COLUMNS).where(clients.c.name == name))
        return client_of(rows[0]) if rows else None

    async def set_state(
        self, client_id: str, state: ClientState, *, seen_at: datetime | None = None
    ) -> Client:
        """Say how a client stands; an event only where that is new. Raises UnknownClient.

        One whose token was revoked stays so until it has enrolled again.
        """

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            seen: dict[str, Any] = {} if seen_at is None else {"last_seen_at": to_us(seen_at)}
            if row.state == ClientState.REVOKED or (row.state == state and not seen):
                return client_of(row)
            client = change(transaction, row.no, state=state.value, **seen)
            if row.state != state:
                transaction.emit(
                    _KIND_OF_STATE[state], Topic.CLIENTS, client=client, told=Told(), client_no=row.no
                )
            return client

        return await self._writer.write(work)

    async def allow(self, client_id: str) -> Client:
        """Let a disconnected client in again; nothing changes for any other. Raises UnknownClient."""

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if row.state != ClientState.DISCONNECTED:
                return client_of(row)
            state = ClientState.NEVER if row.last_seen_at is None else ClientState.OFFLINE
            client = change(transaction, row.no, state=state.value)
            transaction.emit(
                EventKind.CLIENT_ALLOWED, Topic.CLIENTS, client=client, told=Told(), client_no=row.no
            )
            return client

        return await self._writer.write(work)

    async def mark_all_offline(self) -> list[Client]:
        """Say that no client is connected, as when the server starts; events, but no lines of activity."""

        gone: list[Client] = []

        def step(transaction: Transaction, most: int) -> int:
            # Of each client a row and its event.
            online = (
                select(clients.c.no)
                .where(clients.c.state == ClientState.ONLINE.value)
                .limit(max(1, most // 2))
            )
            changed = (
                update(clients)
                .where(clients.c.no.in_(online))
                .values(state=ClientState.OFFLINE.value)
                .returning(*CLIENT_COLUMNS)
            )
            left = readable(transaction.run(changed), client_of)
            for client in left:
                transaction.emit(EventKind.CLIENT_OFFLINE, Topic.CLIENTS, client=client)
            gone.extend(left)
            return 2 * len(left)

        await in_steps(self._writer, step)
        return gone

    async def seen(self, times: Mapping[str, datetime]) -> None:
        """Note when clients were last heard of; many at once, without an event."""
        rows = [{"whose": client_id, "at_us": to_us(at)} for client_id, at in times.items()]
        for start in range(0, len(rows), MAX_ROWS):
            part = rows[start : start + MAX_ROWS]
            await self._writer.write(lambda transaction, part=part: _seen(transaction, part))

    async def set_goal(self, client_id: str, goal_s: float) -> Client:
        """Set the age that the last good backup should not exceed, in seconds. Raises UnknownClient."""
        if not 0 < goal_s < float("inf"):
            raise BadQuery(f"A goal of {goal_s} s is not possible.", hint="Give a number of seconds above 0.")

        return await self._set(client_id, "goal_s", goal_s)

    async def set_quota(self, client_id: str, quota_bytes: int | None) -> Client:
        """Set how much a client may keep: 0 no bound, None that of the settings. Raises UnknownClient."""
        return await self._set(client_id, "quota_bytes", quota_bytes)

    async def _set(self, client_id: str, column: str, value: float | None) -> Client:
        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if getattr(row, column) == value:
                return client_of(row)
            client = change(transaction, row.no, **{column: value})
            transaction.emit(EventKind.CLIENT_CHANGED, Topic.CLIENTS, client=client)
            return client

        return await self._writer.write(work)

    async def queue_backup(self, client_ids: Sequence[str]) -> int:
        """Remember that these clients are to back up when they can; return the number of the last run so far.

        Raises UnknownClient; then it is remembered for none.
        """

        known = select(clients.c.id).where(PRESENT)
        there = {row.id for row in await self._readers.rows(known)}
        if missing := [client_id for client_id in client_ids if client_id not in there]:
            raise unknown(missing[0])

        def work(transaction: Transaction, part: Sequence[str]) -> int:
            for client_id in part:
                row = client_row(transaction, client_id)
                client = change(transaction, row.no, backup_queued=True)
                if not row.backup_queued:
                    transaction.emit(
                        EventKind.BACKUP_REQUESTED,
                        Topic.CLIENTS,
                        client=client,
                        told=Told(),
                        client_no=row.no,
                    )
            return transaction.sequences.get("runs", 0)

        # Of each client its row, an event and a line of activity. The first number is the one to wait from.
        parts = [
            client_ids[start : start + MAX_ROWS // 3] for start in range(0, len(client_ids), MAX_ROWS // 3)
        ]
        last = [
            await self._writer.write(lambda transaction, part=part: work(transaction, part))
            for part in parts or [()]
        ]
        return last[0]

    async def clear_queued(self, client_id: str) -> Client:
        """Forget that a backup was asked for. Raises UnknownClient."""

        def work(transaction: Transaction) -> Client:
            row = client_row(transaction, client_id)
            if not row.backup_queued:
                return client_of(row)
            client = change(transaction, row.no, backup_queued=False)
            transaction.emit(EventKind.CLIENT_CHANGED, Topic.CLIENTS, client=client)
            return client

        return await self._writer.write(work)
