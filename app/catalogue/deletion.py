"""Deleting files, bringing them back, and forgetting them with the contents that nothing needs any more."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy import delete as delete_rows

from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change
from app.catalogue.contents import release
from app.catalogue.entry_rows import state_of
from app.catalogue.revision import renew
from app.catalogue.schema import blobs, client_contents, file_versions, files, verifications
from app.catalogue.tally import Tally
from app.catalogue.times import to_us
from app.catalogue.totals import add_blob_bytes
from app.catalogue.transaction import Told, Transaction
from streams.commands import Outcome
from streams.records.files import FilesChanged
from streams.vocabulary import EventKind, FileState, Topic

AT_ONCE = 1000
Remove = Callable[[Sequence[str]], Coroutine[Any, Any, object]]
"""Takes contents out of the store."""


def delete(transaction: Transaction, file_ids: Sequence[int]) -> Outcome:
    """Mark files as deleted; see ``Files.delete``."""

    def judge(row: AnyRow) -> str | None:
        return None if row.deleted_at is not None else FileState.DELETED.value

    return _move(transaction, file_ids, EventKind.FILES_DELETED, judge, refusal="it is deleted already")


def undelete(transaction: Transaction, file_ids: Sequence[int]) -> Outcome:
    """Take the mark away; see ``Files.undelete``."""

    def judge(row: AnyRow) -> str | None:
        if row.deleted_at is None:
            return None
        if row.vanished_at is not None:
            return FileState.VANISHED.value
        return state_of(row)

    return _move(transaction, file_ids, EventKind.FILES_UNDELETED, judge, refusal="it is not deleted")


def _move(
    transaction: Transaction,
    file_ids: Sequence[int],
    kind: EventKind,
    judge: Callable[[AnyRow], str | None],
    *,
    refusal: str,
) -> Outcome:
    ids = list(dict.fromkeys(file_ids))
    refused = {str(file_id): "no such file" for file_id in ids}
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    counts: defaultdict[int, int] = defaultdict(int)
    sizes: defaultdict[int, int] = defaultdict(int)
    first: dict[int, str] = {}
    moved: list[dict[str, Any]] = []
    deleted_at = transaction.now_us if kind is EventKind.FILES_DELETED else None
    for row in _rows(transaction, ids):
        state = judge(row)
        if state is None:
            refused[str(row.id)] = refusal
            continue
        del refused[str(row.id)]
        moved.append({"which": row.id, "state": state, "deleted_at": deleted_at})
        tally = tallies[row.client_no]
        tally.add(row.kind, row.state, row.size_bytes, row.blob_id is not None, -1)
        tally.add(row.kind, state, row.size_bytes, row.blob_id is not None)
        counts[row.client_no] += 1
        sizes[row.client_no] += row.size_bytes
        first.setdefault(row.client_no, row.path)
    if moved:
        transaction.run(
            update(files)
            .where(files.c.id == bindparam("which"))
            .values(state=bindparam("state"), deleted_at=bindparam("deleted_at")),
            moved,
        )
    for no, tally in tallies.items():
        client = change(transaction, no, **tally.values())
        renew(transaction, no)
        transaction.emit(
            kind,
            Topic.FILES,
            Topic.CLIENTS,
            client=client,
            client_no=no,
            files=FilesChanged(client_id=client.id, count=counts[no], path=first[no]),
            told=Told(files=counts[no], bytes=sizes[no], reason=_named(first[no], counts[no])),
        )
    return Outcome(done=tuple(str(each["which"]) for each in moved), refused=refused)


def _named(first: str, count: int) -> str:
    return first if count == 1 else f"{first} and {count - 1:,} more"


def _rows(transaction: Transaction, ids: Sequence[int]) -> list[AnyRow]:
    found: list[AnyRow] = []
    for start in range(0, len(ids), AT_ONCE):
        found += transaction.all(
            select(
                files.c.id,
                files.c.client_no,
                files.c.path,
                files.c.kind,
                files.c.state,
                files.c.size_bytes,
                files.c.blob_id,
                files.c.vanished_at,
                files.c.deleted_at,
                blobs.c.verified_at,
                blobs.c.damaged,
            )
            .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
            .where(files.c.id.in_(ids[start : start + AT_ONCE]))
        )
    return found


def purge(
    transaction: Transaction,
    older_than: datetime,
    remove: Remove,
) -> int:
    """Forget what was deleted before a time; see ``Files.purge``."""
    doomed = (
        select(files.c.id)
        .where(files.c.state == FileState.DELETED.value, files.c.deleted_at < to_us(older_than))
        .order_by(files.c.id)
    )
    rows = transaction.all(select(files.c.id, files.c.client_no, files.c.kind).where(files.c.id.in_(doomed)))
    if not rows:
        return 0
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    contents: set[int] = set()
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        ids = [row.id for row in part]
        held = transaction.all(
            select(files.c.client_no, file_versions.c.blob_id, func.count().label("versions"))
            .join(files, files.c.id == file_versions.c.file_id)
            .where(file_versions.c.file_id.in_(ids), file_versions.c.blob_id.is_not(None))
            .group_by(files.c.client_no, file_versions.c.blob_id)
        )
        contents.update(row.blob_id for row in held)
        named: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for row in held:
            named[row.client_no][row.blob_id] = row.versions
        for no, gone in named.items():
            release(transaction, no, gone)
        transaction.run(delete_rows(file_versions).where(file_versions.c.file_id.in_(ids)))
        transaction.run(delete_rows(files).where(files.c.id.in_(ids)))
        for row in part:
            tallies[row.client_no].add(row.kind, FileState.DELETED, 0, False, -1)
    for no, tally in tallies.items():
        renew(transaction, no)
        client = change(transaction, no, **tally.values()) if tally.values() else None
        if client is not None:
            transaction.emit(
                EventKind.FILES_CHANGED,
                Topic.FILES,
                Topic.CLIENTS,
                client=client,
                files=FilesChanged(client_id=client.id, count=len(rows)),
            )
    drop_contents(transaction, sorted(contents), remove)
    return len(rows)


def drop_contents(
    transaction: Transaction,
    ids: Sequence[int],
    remove: Remove,
) -> None:
    """Take those of these contents that are no client's out of catalogue and store."""
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        needed = select(client_contents.c.blob_id).where(client_contents.c.blob_id.in_(part))
        unneeded = transaction.all(
            select(blobs.c.id, blobs.c.sha256, blobs.c.stored_bytes).where(
                blobs.c.id.in_(part), blobs.c.id.not_in(needed)
            )
        )
        if not unneeded:
            continue
        dropped = [row.id for row in unneeded]
        transaction.run(delete_rows(verifications).where(verifications.c.blob_id.in_(dropped)))
        transaction.run(delete_rows(blobs).where(blobs.c.id.in_(dropped)))
        add_blob_bytes(transaction, -sum(row.stored_bytes for row in unneeded))
        transaction.ask(remove([row.sha256.hex() for row in unneeded]))
