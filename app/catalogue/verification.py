"""Which contents to read again, and what became known of them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change
from app.catalogue.entry_rows import state_of
from app.catalogue.errors import BadQuery
from app.catalogue.readers import Readers
from app.catalogue.revision import renew
from app.catalogue.rows import CLIENT_COLUMNS, client_of
from app.catalogue.schema import blobs, client_contents, clients, file_versions, files, verifications
from app.catalogue.tally import Tally
from app.catalogue.transaction import Told, Transaction
from streams.records.base import Record
from streams.records.clients import Client
from streams.records.files import FilesChanged, VerifyResult
from streams.vocabulary import EventKind, FileState, Topic

AT_ONCE = 1000
Present = Callable[[Collection[str]], Coroutine[Any, Any, Collection[str]]]
"""Tells which contents are in the store, whole as far as is known."""
MOST_TOLD = 20
"""Damaged files of one client that get a line of activity each; the others are in the count."""


class StoredBlob(Record, frozen=True, kw_only=True):
    """A content in the store, with one of the names that it has."""

    sha256: str
    size_bytes: int
    path: str


async def hashes_of(
    readers: Readers, file_ids: Sequence[int] | None, client_id: str | None
) -> AsyncIterator[StoredBlob]:
    """Yield contents by the order in which they came; see ``Files.hashes_of``."""
    wanted = (
        select(blobs.c.id, blobs.c.sha256, blobs.c.size_bytes, func.min(files.c.path).label("path"))
        .select_from(blobs)
        .join(file_versions, file_versions.c.blob_id == blobs.c.id)
        .join(files, files.c.id == file_versions.c.file_id)
        .group_by(blobs.c.id)
        .order_by(blobs.c.id)
        .limit(AT_ONCE)
    )
    if client_id is not None:
        number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
        wanted = wanted.where(files.c.client_no == number)
    parts: list[Any] = [wanted]
    if file_ids is not None:
        ids = list(file_ids)
        parts = [
            wanted.where(files.c.id.in_(ids[start : start + AT_ONCE]))
            for start in range(0, len(ids), AT_ONCE)
        ]
    seen: set[int] = set()
    for part in parts:
        last = 0
        while rows := await readers.rows(part.where(blobs.c.id > last)):
            for row in rows:
                if row.id in seen:
                    continue
                if len(parts) > 1:
                    seen.add(row.id)
                yield StoredBlob(sha256=row.sha256.hex(), size_bytes=row.size_bytes, path=row.path)
            if len(rows) < AT_ONCE:
                break
            last = rows[-1].id


def mark(
    transaction: Transaction,
    results: Mapping[str, bool],
    *,
    present: Present | None = None,
    quiet: bool = False,
) -> VerifyResult:
    """Note the outcome of a verification; see ``Files.mark_verified``."""
    bad = [sha256 for sha256, outcome in results.items() if not outcome]
    # Asked inside the write: one that has been sent again since it was read is whole.
    mended = transaction.ask(present(bad)) if bad and present is not None else {}
    try:
        good = {bytes.fromhex(each): outcome for each, outcome in results.items() if each not in mended}
    except ValueError as error:
        raise BadQuery("A hash is 64 hexadecimal digits.") from error
    hashes = list(good)
    touched: dict[int, list[AnyRow]] = defaultdict(list)
    damaged: list[str] = []
    for start in range(0, len(hashes), AT_ONCE):
        rows = transaction.all(
            select(blobs.c.id, blobs.c.sha256, blobs.c.damaged).where(
                blobs.c.sha256.in_(hashes[start : start + AT_ONCE])
            )
        )
        _note(transaction, {row.id: good[row.sha256] for row in rows})
        for row in _files_of(transaction, [row.id for row in rows]):
            if not quiet or state_of(row) != row.state:
                touched[row.client_no].append(row)
        newly_bad = [row.id for row in rows if not good[row.sha256] and not row.damaged]
        for client_no in _owners(transaction, newly_bad):
            # Its agent reads again what is here, and sends the damaged ones with its next backup.
            renew(transaction, client_no)
        damaged += _paths(transaction, [row.id for row in rows if not good[row.sha256]])
    for client_no, rows in touched.items():
        _tell(transaction, client_no, rows, quiet=quiet)
    return VerifyResult(checked=len(results), damaged=tuple(sorted(damaged)))


def heal(transaction: Transaction, blob_ids: Sequence[int]) -> None:
    """Note that damaged contents have been sent again and are whole."""
    transaction.run(
        update(blobs)
        .where(blobs.c.id.in_(blob_ids))
        .values(damaged=False, verified_at=None, created_at=transaction.now_us)
    )
    touched: dict[int, list[AnyRow]] = defaultdict(list)
    for row in _files_of(transaction, blob_ids):
        touched[row.client_no].append(row)
    for client_no, rows in touched.items():
        client, _ = _restate(transaction, client_no, rows)
        transaction.emit(
            EventKind.FILES_CHANGED,
            Topic.FILES,
            Topic.CLIENTS,
            client=client,
            files=FilesChanged(client_id=client.id, count=len(rows)),
        )


def _note(transaction: Transaction, outcome: Mapping[int, bool]) -> None:
    if not outcome:
        return
    bad = [blob_id for blob_id, good in outcome.items() if not good]
    if bad:
        first = transaction.numbers("verifications", len(bad))
        rows = [
            {"id": first + offset, "at": transaction.now_us, "blob_id": blob_id, "good": False}
            for offset, blob_id in enumerate(bad)
        ]
        transaction.insert(verifications, rows)
    transaction.run(
        update(blobs)
        .where(blobs.c.id == bindparam("which"))
        .values(verified_at=transaction.now_us, damaged=bindparam("bad")),
        [{"which": blob_id, "bad": not good} for blob_id, good in outcome.items()],
    )


def _files_of(transaction: Transaction, blob_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Return the present files whose newest version has one of these contents."""
    return transaction.all(
        select(
            files.c.id,
            files.c.client_no,
            files.c.kind,
            files.c.state,
            files.c.size_bytes,
            files.c.path,
            blobs.c.verified_at,
            blobs.c.damaged,
        )
        .join(blobs, blobs.c.id == files.c.blob_id)
        .where(files.c.blob_id.in_(blob_ids), files.c.vanished_at.is_(None), files.c.deleted_at.is_(None))
    )


def _paths(transaction: Transaction, blob_ids: Sequence[int]) -> list[str]:
    rows = transaction.all(
        select(files.c.path)
        .join(file_versions, file_versions.c.file_id == files.c.id)
        .where(file_versions.c.blob_id.in_(blob_ids))
        .distinct()
    )
    return [row.path for row in rows]


def _restate(transaction: Transaction, client_no: int, rows: Sequence[AnyRow]) -> tuple[Client, list[str]]:
    """Give files the state of their content; return their client and the newly damaged paths."""
    tally = Tally()
    changed: list[dict[str, Any]] = []
    newly_damaged: list[str] = []
    for row in rows:
        state = state_of(row)
        if state == row.state:
            continue
        changed.append({"which": row.id, "state": state})
        tally.add(row.kind, row.state, row.size_bytes, True, -1)
        tally.add(row.kind, state, row.size_bytes, True)
        if state == FileState.DAMAGED:
            newly_damaged.append(row.path)
    if changed:
        transaction.run(
            update(files).where(files.c.id == bindparam("which")).values(state=bindparam("state")), changed
        )
    return _client(transaction, client_no, tally), newly_damaged


def _owners(transaction: Transaction, blob_ids: Sequence[int]) -> list[int]:
    """Return the clients that have sent one of these contents."""
    rows = transaction.all(
        select(client_contents.c.client_no).where(client_contents.c.blob_id.in_(blob_ids)).distinct()
    )
    return [row.client_no for row in rows]


def _tell(transaction: Transaction, client_no: int, rows: Sequence[AnyRow], *, quiet: bool) -> None:
    client, newly_damaged = _restate(transaction, client_no, rows)
    for path in newly_damaged[:MOST_TOLD]:
        transaction.emit(
            EventKind.FILE_DAMAGED,
            Topic.FILES,
            client=client,
            client_no=client_no,
            files=FilesChanged(client_id=client.id, count=1),
            told=Told(files=1, reason=path),
        )
    told = None if quiet else Told(files=len(rows), bytes=sum(row.size_bytes for row in rows))
    transaction.emit(
        EventKind.FILES_VERIFIED,
        Topic.FILES,
        Topic.CLIENTS,
        client=client,
        client_no=client_no,
        files=FilesChanged(client_id=client.id, count=len(rows)),
        told=told,
    )


def _client(transaction: Transaction, client_no: int, tally: Tally) -> Client:
    values = tally.values()
    if values:
        return change(transaction, client_no, **values)
    rows = transaction.all(select(*CLIENT_COLUMNS).where(clients.c.no == client_no))
    return client_of(rows[0])
