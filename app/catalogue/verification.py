"""Results of verification: contents that were read again, and their files."""

from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.clients import change
from app.catalogue.counters import Tally
from app.catalogue.entry_rows import state_of
from app.catalogue.errors import BadQuery
from app.catalogue.file_events import emit_files_changed
from app.catalogue.revision import renew_owners
from app.catalogue.rows import CLIENT_COLUMNS, client_of
from app.catalogue.schema import (
    blobs,
    clients,
    file_versions,
    files,
    pending_states,
    verifications,
)
from app.catalogue.transaction import Told, Transaction
from streams.model.clients import Client
from streams.model.files import FilesChanged
from streams.model.vocabulary import EventKind, FileState, Topic

Present = Callable[[Collection[str]], Coroutine[Any, Any, Collection[str]]]
"""Tells which contents are in the store, whole as far as is known."""
MARKED_AT_ONCE = 200
"""Contents whose verdict is noted in one write: two rows of each, and then their files."""
SPREAD_AT_ONCE = 100
"""Files that change in the write that notes the verdict; those of a content of many follow in steps."""
MAX_TOLD = 20
"""Damaged files of one client that get a line of activity each; the others are in the count."""
MAX_PATHS = 1000
"""Paths of damaged files that are named."""

_PENDING = insert(pending_states)
_PEND = _PENDING.on_conflict_do_update(
    index_elements=["blob_id"],
    set_={"after_file_id": _PENDING.excluded.after_file_id, "quiet": _PENDING.excluded.quiet},
)


def mark(
    transaction: Transaction,
    results: Mapping[str, bool],
    *,
    present: Present | None = None,
    quiet: bool = False,
) -> tuple[list[int], bool]:
    """Note verdicts of at most MARKED_AT_ONCE contents; see ``Files.mark_verified``.

    Returns the damaged ones, and whether files wait for ``spread``.
    """
    bad = [sha256 for sha256, outcome in results.items() if not outcome]
    # Asked inside the write: one that has been sent again since it was read is whole.
    mended = transaction.ask(present(bad)) if bad and present is not None else {}
    try:
        good = {bytes.fromhex(each): outcome for each, outcome in results.items() if each not in mended}
    except ValueError as error:
        raise BadQuery("A hash is 64 hexadecimal digits.") from error
    rows = transaction.all(
        select(blobs.c.id, blobs.c.sha256, blobs.c.damaged).where(blobs.c.sha256.in_(list(good)))
    )
    _note(transaction, {row.id: good[row.sha256] for row in rows})
    newly_bad = [row.id for row in rows if not good[row.sha256] and not row.damaged]
    # Their agents read again what is here, and send the damaged ones with their next backups.
    renew_owners(transaction, newly_bad)
    left = _pend(transaction, [row.id for row in rows], quiet=quiet)
    return [row.id for row in rows if not good[row.sha256]], left


def heal(transaction: Transaction, blob_ids: Sequence[int]) -> bool:
    """Note that damaged contents were sent again and are whole; return whether files wait for ``spread``."""
    transaction.run(
        update(blobs)
        .where(blobs.c.id.in_(blob_ids))
        .values(damaged=False, verified_at=None, created_at=transaction.now_us)
    )
    return _pend(transaction, blob_ids, quiet=False)


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


def paths_of(blob_ids: Sequence[int]) -> AnySelect:
    """Select paths of files that have one of these contents in any version."""
    named = select(file_versions.c.file_id).where(file_versions.c.blob_id.in_(blob_ids)).limit(MAX_PATHS)
    return select(files.c.path).where(files.c.id.in_(named))


def _pend(transaction: Transaction, blob_ids: Sequence[int], *, quiet: bool) -> bool:
    """Let the files of contents get their new state: some now, the others by ``spread``."""
    if not blob_ids:
        return False
    transaction.run(_PEND, [{"blob_id": blob_id, "after_file_id": 0, "quiet": quiet} for blob_id in blob_ids])
    spread(transaction, max(SPREAD_AT_ONCE, len(blob_ids)))
    return bool(transaction.all(select(pending_states.c.blob_id).limit(1)))


def spread(transaction: Transaction, most: int) -> int:
    """Give the next files the state of their content; return how many files and contents were looked at."""
    pending = transaction.all(select(pending_states).order_by(pending_states.c.blob_id).limit(most))
    if not pending:
        return 0
    if pending[0].after_file_id:
        # Half done: by itself.
        pending = pending[:1]
    ids = [row.blob_id for row in pending]
    rows = _files_of(transaction, ids, pending[0].after_file_id, most)
    done = ids
    if len(rows) == most:
        last = rows[-1]
        done = [blob_id for blob_id in ids if blob_id < last.blob_id]
        quiet = any(row.quiet for row in pending if row.blob_id == last.blob_id)
        transaction.run(_PEND, {"blob_id": last.blob_id, "after_file_id": last.id, "quiet": quiet})
    transaction.run(delete(pending_states).where(pending_states.c.blob_id.in_(done)))
    quiet_ones = {row.blob_id for row in pending if row.quiet}
    touched: defaultdict[tuple[int, bool, bool], list[AnyRow]] = defaultdict(list)
    for row in rows:
        if row.vanished_at is None and row.deleted_at is None and row.removed_at is None:
            quiet, healed = row.blob_id in quiet_ones, row.verified_at is None and not row.damaged
            if not quiet or state_of(row) != row.state:
                touched[row.client_no, healed, quiet].append(row)
    for (client_no, healed, quiet), changed in touched.items():
        first = not pending[0].after_file_id
        _tell(transaction, client_no, changed, healed=healed, quiet=quiet, first=first)
    return len(rows) + len(done)


def _files_of(
    transaction: Transaction, blob_ids: Sequence[int], after_file_id: int, most: int
) -> Sequence[AnyRow]:
    """Return files whose newest version has one of these contents, by content and id."""
    return transaction.all(
        select(
            files.c.id,
            files.c.client_no,
            files.c.blob_id,
            files.c.kind,
            files.c.state,
            files.c.size_bytes,
            files.c.path,
            files.c.vanished_at,
            files.c.deleted_at,
            blobs.c.verified_at,
            blobs.c.damaged,
            clients.c.removed_at,
        )
        .join(blobs, blobs.c.id == files.c.blob_id)
        .join(clients, clients.c.no == files.c.client_no)
        .where(files.c.blob_id.in_(blob_ids), files.c.id > after_file_id)
        .order_by(files.c.blob_id, files.c.id)
        .limit(most)
    )


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


def _tell(
    transaction: Transaction,
    client_no: int,
    rows: Sequence[AnyRow],
    *,
    healed: bool,
    quiet: bool,
    first: bool,
) -> None:
    client, newly_damaged = _restate(transaction, client_no, rows)
    if healed:
        emit_files_changed(transaction, client, len(rows))
        return
    for path in newly_damaged[:MAX_TOLD] if first else ():
        transaction.emit(
            EventKind.FILE_DAMAGED,
            Topic.FILES,
            client=client,
            client_no=client_no,
            files=FilesChanged(client_id=client.id, count=1),
            told=Told(files=1, reason=path),
        )
    transaction.emit(
        EventKind.FILES_VERIFIED,
        Topic.FILES,
        Topic.CLIENTS,
        client=client,
        client_no=client_no,
        files=FilesChanged(client_id=client.id, count=len(rows)),
        told=None if quiet else Told(files=len(rows), bytes=sum(row.size_bytes for row in rows)),
    )


def _client(transaction: Transaction, client_no: int, tally: Tally) -> Client:
    values = tally.values()
    if values:
        return change(transaction, client_no, **values)
    rows = transaction.all(select(*CLIENT_COLUMNS).where(clients.c.no == client_no))
    return client_of(rows[0])
