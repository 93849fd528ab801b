"""Forgetting deleted files for good, once they have been kept long enough."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.clients import change
from app.catalogue.counters import Tally
from app.catalogue.file_events import emit_files_changed
from app.catalogue.forget import FORGOTTEN_COLUMNS, forget_files
from app.catalogue.readers import Readers
from app.catalogue.revision import renew
from app.catalogue.rows import PRESENT
from app.catalogue.schema import clients, file_versions, files, runs
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.vocabulary import FileState

PAGE = 1000
"""Deleted files that are looked at together, before any of them is purged."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Deleted files of a client, the first deleted first."""

    rows: Sequence[AnyRow]
    protected_runs: tuple[int, ...]
    """At the moment at which the rows were read."""

    @property
    def due(self) -> list[int]:
        """Return the ids of those that have no version of a protected run."""
        return [row.id for row in self.rows if not row.of_protected_run]


async def purge(readers: Readers, writer: Writer, older_than_us: int) -> int:
    """Forget files deleted before a time, a few in each write; return how many files."""
    purged = 0
    for client in await readers.rows(_due_clients(older_than_us)):
        after: tuple[int, int] | None = None
        while True:
            # Looked for beside the writes: any number of files may have to stay for their protected runs.
            page = await _page(readers, client.no, older_than_us, after)
            if page.due:
                purged += await _purge_page(writer, client.no, older_than_us, page)
            if len(page.rows) < PAGE:
                break
            after = page.rows[-1].deleted_at, page.rows[-1].id
    return purged


def _due_clients(older_than_us: int) -> AnySelect:
    """Select the numbers of the clients of which files were deleted before a time."""
    due = exists().where(files.c.client_no == clients.c.no, files.c.deleted_at < older_than_us)
    return select(clients.c.no).where(PRESENT, ~clients.c.protected, due).order_by(clients.c.no)


_PROTECTED = select(runs.c.id).where(runs.c.protected).order_by(runs.c.id)
"""Of all clients: there is an index of these, and all runs of one client may be many more."""


async def _page(readers: Readers, client_no: int, older_than_us: int, after: tuple[int, int] | None) -> _Page:
    kept = exists().where(file_versions.c.file_id == files.c.id, file_versions.c.run_id.in_(_PROTECTED))
    deleted = (
        select(files.c.id, files.c.deleted_at, kept.label("of_protected_run"))
        .with_hint(files, "INDEXED BY ix_files_deleted", "sqlite")
        .where(files.c.client_no == client_no)
    )
    later = deleted.where(files.c.deleted_at < older_than_us).order_by(files.c.deleted_at, files.c.id)
    stretches = [later]
    if after is not None:
        # Very many may have been deleted at one moment. Compared as a pair, all of these would be passed.
        at, file_id = after
        same = deleted.where(files.c.deleted_at == at, files.c.id > file_id).order_by(files.c.id)
        stretches = [same, later.where(files.c.deleted_at > at)]

    async def work(connection: AsyncConnection) -> _Page:
        runs_now = (await connection.execute(_PROTECTED)).scalars().all()
        rows: list[AnyRow] = []
        for stretch in stretches:
            if len(rows) < PAGE:
                rows += (await connection.execute(stretch.limit(PAGE - len(rows)))).all()
        return _Page(rows, tuple(runs_now))

    return await readers.read(work)


async def _purge_page(writer: Writer, client_no: int, older_than_us: int, page: _Page) -> int:
    purged = 0

    def step(transaction: Transaction, most: int) -> int:
        nonlocal purged
        gone, rows = _purge_some(transaction, client_no, older_than_us, page, most)
        purged += gone
        return rows

    await in_steps(writer, step, flow=MAINTENANCE)
    return purged


def _purge_some(
    transaction: Transaction, client_no: int, older_than_us: int, page: _Page, most: int
) -> tuple[int, int]:
    """Forget some files of a page; return how many files, and how many rows.

    One client at a time: its counters, its revision and its event are then written once.
    """
    open_to_purge = select(clients.c.no).where(clients.c.no == client_no, PRESENT, ~clients.c.protected)
    protected_runs = tuple(row.id for row in transaction.all(_PROTECTED))
    if protected_runs != page.protected_runs or not transaction.all(open_to_purge):
        # The next purge looks at them anew.
        return 0, 0
    # Not by client once more: SQLite would walk all deleted files of it.
    due = (
        select(*FORGOTTEN_COLUMNS)
        .where(files.c.id.in_(page.due), files.c.deleted_at < older_than_us)
        .order_by(files.c.deleted_at, files.c.id)
        .limit(most)
    )
    gone, count = forget_files(transaction, transaction.all(due), most)
    tally = Tally()
    for row in gone:
        tally.add(row.kind, FileState.DELETED, 0, False, -1)
    if gone:
        renew(transaction, client_no)
    if tally.values():
        client = change(transaction, client_no, **tally.values())
        emit_files_changed(transaction, client, len(gone))
    return len(gone), count
