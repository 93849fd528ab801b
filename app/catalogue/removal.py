"""Removing a client for good: at once for everybody who looks, and then its rows in steps."""

import secrets
from collections.abc import Callable

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Select, Table, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.access_schema import tokens
from app.catalogue.analytics_rollup import STEPS_S
from app.catalogue.audit_note import AuditNote
from app.catalogue.audit_rows import note_in
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.clients import client_row, unknown
from app.catalogue.doomed import doom_unowned
from app.catalogue.errors import NotMarked
from app.catalogue.forget import FORGOTTEN_COLUMNS, forget_files
from app.catalogue.holds import DueClient, refuse_protected
from app.catalogue.readers import Readers
from app.catalogue.schema import activity, client_contents, clients, files, run_names, run_rollup, runs
from app.catalogue.times import from_us
from app.catalogue.tokens import TokenInfo, Tokens, revoke_in
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.clients import ClientHoldings, ClientRemoved
from streams.model.files import FilesChanged
from streams.model.vocabulary import ClientState, EventKind, Topic

_COUNTERS = (
    "file_count",
    "stored_bytes",
    "unverified_count",
    "damaged_count",
    "deleted_count",
    "vanished_count",
)


class Removal:
    """What cannot be taken back: a client goes with its runs, its files and their versions."""

    def __init__(self, readers: Readers, writer: Writer, tokens_kept: Tokens) -> None:
        self._readers = readers
        self._writer = writer
        self._tokens = tokens_kept

    async def holdings(self, client_id: str) -> ClientHoldings:
        """Return what would be lost with a client. Raises UnknownClient."""
        kept = clients.c.file_count + clients.c.vanished_count + clients.c.deleted_count

        async def work(connection: AsyncConnection) -> ClientHoldings:
            wanted = select(
                clients.c.no,
                clients.c.name,
                kept.label("files"),
                clients.c.stored_bytes,
                clients.c.destroy_at,
            ).where(clients.c.id == client_id)
            row = (await connection.execute(wanted)).one_or_none()
            if row is None:
                raise unknown(client_id)
            counted = select(func.count()).select_from(runs).where(runs.c.client_no == row.no)
            return ClientHoldings(
                client_id=client_id,
                name=row.name,
                files=row.files,
                bytes=row.stored_bytes,
                destroy_at=from_us(row.destroy_at),
                runs=(await connection.execute(counted)).scalar_one(),
            )

        return await self._readers.read(work)

    async def remove(
        self, client_id: str, row: AuditNote | None = None, *, due: DueClient | None = None
    ) -> ClientHoldings:
        """Remove a client for everybody who looks; return what it had. Raises UnknownClient and Protected.

        Its tokens are good no longer and its name is free. Its rows go with ``finish``. A ``row`` is appended
        to the audit record in the same write, with what it had: nothing goes without it. One that was ``due``
        goes only while it has that mark; raises NotMarked.
        """
        held = await self.holdings(client_id)

        def work(transaction: Transaction) -> list[TokenInfo]:
            client = client_row(transaction, client_id)
            no = client.no
            # Asked in this write: since it was found to be due it may have been kept or protected.
            refuse_protected(transaction, client)
            if due is not None and client.destroy_at != due.destroy_at:
                raise NotMarked(f"{client.name} is not marked for removal any more.")
            revoked = revoke_in(transaction, tokens.c.client_no == no)
            transaction.run(update(tokens).where(tokens.c.client_no == no).values(client_no=None))
            # Another id and name: nothing finds it any more, and a client of its name can be enrolled.
            transaction.run(
                update(clients)
                .where(clients.c.no == no)
                .values(
                    id=secrets.token_hex(16),
                    name=f"{held.name} (removed, {no})",
                    state=ClientState.REVOKED.value,
                    removed_at=transaction.now_us,
                    running_run_id=None,
                    backup_queued=False,
                    destroy_at=None,
                    protected=False,
                    **dict.fromkeys(_COUNTERS, 0),
                )
            )
            transaction.emit(
                EventKind.CLIENT_REMOVED,
                Topic.CLIENTS,
                Topic.RUNS,
                Topic.FILES,
                removed=ClientRemoved(id=client_id),
                files=FilesChanged(client_id=client_id, count=held.files),
                # The line belongs to no client any more, so its name is told as the reason.
                told=Told(files=held.files, bytes=held.bytes, reason=held.name),
            )
            if row is not None:
                had = f"{held.files} files, {held.bytes} bytes, {held.runs} runs"
                note_in(transaction, [replace(row, detail=had)])
            return revoked

        await self._tokens.ended(await self._writer.write(work))
        return held

    async def finish(self) -> int:
        """Forget all that removed clients had, a few rows in each write; return how many rows.

        Killed at any point, the next call goes on. Contents that were theirs alone are doomed by it.
        """
        return await in_steps(self._writer, _forget_rows, flow=MAINTENANCE)


def _forget_rows(transaction: Transaction, most: int) -> int:
    removed = transaction.all(
        select(clients.c.no).where(clients.c.removed_at.is_not(None)).order_by(clients.c.removed_at).limit(1)
    )
    if not removed:
        return 0
    no = removed[0].no
    parts: tuple[Callable[[], int], ...] = (
        lambda: _forget_files(transaction, no, most),
        lambda: _forget_contents(transaction, no, most),
        lambda: _let_lines_stay(transaction, no, most),
        lambda: _forget_of(
            transaction, run_rollup, run_rollup.c.step_s.in_(STEPS_S) & (run_rollup.c.client_no == no), most
        ),
        lambda: _forget_of(transaction, run_names, run_names.c.run_id.in_(_runs_of(no)), most),
        lambda: _forget_of(transaction, runs, runs.c.client_no == no, most),
    )
    for part in parts:
        if count := part():
            return count
    transaction.run(delete(clients).where(clients.c.no == no))
    return 1


def _runs_of(no: int) -> Select[tuple[int]]:
    return select(runs.c.id).where(runs.c.client_no == no)


def _forget_files(transaction: Transaction, no: int, most: int) -> int:
    rows = transaction.all(
        select(*FORGOTTEN_COLUMNS).where(files.c.client_no == no).order_by(files.c.id).limit(most)
    )
    return forget_files(transaction, rows, most)[1]


def _forget_contents(transaction: Transaction, no: int, most: int) -> int:
    """Let go of what it had sent and never named."""
    own = client_contents.c.client_no == no
    rows = transaction.all(
        select(client_contents.c.blob_id).where(own).order_by(client_contents.c.blob_id).limit(most)
    )
    ids = [row.blob_id for row in rows]
    if ids:
        transaction.run(delete(client_contents).where(own, client_contents.c.blob_id.in_(ids)))
        doom_unowned(transaction, ids)
    return len(ids)


def _let_lines_stay(transaction: Transaction, no: int, most: int) -> int:
    """Part lines of activity from the client: what was done with it is told longer than it is kept."""
    lines = select(activity.c.seq).where(activity.c.client_no == no).order_by(activity.c.seq).limit(most)
    parted = update(activity).where(activity.c.seq.in_(lines)).values(client_no=None)
    return transaction.run(parted).rowcount


def _forget_of(transaction: Transaction, table: Table, which: ColumnElement[bool], most: int) -> int:
    key = tuple_(*table.primary_key.columns)
    first = select(*table.primary_key.columns).where(which).limit(most)
    return transaction.run(delete(table).where(key.in_(first))).rowcount
