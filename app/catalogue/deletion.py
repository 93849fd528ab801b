"""Deleting files until they are purged, and bringing them back."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change
from app.catalogue.counters import Tally
from app.catalogue.entry_rows import state_of
from app.catalogue.revision import renew
from app.catalogue.rows import PRESENT
from app.catalogue.schema import blobs, clients, files
from app.catalogue.transaction import Told, Transaction
from streams.model.files import FilesChanged
from streams.model.outcome import Outcome
from streams.model.vocabulary import EventKind, FileState, Topic


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


def _rows(transaction: Transaction, ids: Sequence[int]) -> Sequence[AnyRow]:
    return transaction.all(
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
        .join(clients, clients.c.no == files.c.client_no)
        .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
        .where(files.c.id.in_(ids), PRESENT)
    )
