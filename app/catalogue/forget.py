"""Forgetting files with all their versions, a few at a time, and contents that nobody has any more."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.content_owners import release
from app.catalogue.schema import file_versions, files
from app.catalogue.search import forget_paths
from app.catalogue.transaction import Transaction

FORGOTTEN_COLUMNS = (
    files.c.id,
    files.c.client_no,
    files.c.kind,
    files.c.path_key,
    files.c.version_id,
    files.c.version_count,
)


def forget_files(transaction: Transaction, rows: Sequence[AnyRow], most: int) -> tuple[Sequence[AnyRow], int]:
    """Delete the first of these files, as far as they and their versions are at most so many rows.

    ``rows`` have FORGOTTEN_COLUMNS. Of a file that alone has more versions than that the oldest are deleted.
    Returns which files have gone, and how many rows.
    """
    chosen, count = 0, 0
    for row in rows:
        if chosen and count + 1 + row.version_count > most:
            break
        count += 1 + row.version_count
        chosen += 1
    if not chosen:
        return (), 0
    if count > most:
        return (), _forget_oldest(transaction, rows[0], most)
    gone = rows[:chosen]
    ids = [row.id for row in gone]
    owner = {row.id: row.client_no for row in gone}
    held = transaction.all(
        select(file_versions.c.file_id, file_versions.c.blob_id).where(
            file_versions.c.file_id.in_(ids), file_versions.c.blob_id.is_not(None)
        )
    )
    transaction.run(delete(file_versions).where(file_versions.c.file_id.in_(ids)))
    forget_paths(transaction, [(row.id, row.client_no, row.path_key) for row in gone])
    transaction.run(delete(files).where(files.c.id.in_(ids)))
    named: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in held:
        named[owner[row.file_id]][row.blob_id] += 1
    _release(transaction, named)
    return gone, count


def _forget_oldest(transaction: Transaction, row: AnyRow, most: int) -> int:
    """Delete the oldest versions of a file that has too many for one write; the newest stays till the end."""
    versions = transaction.all(
        select(file_versions.c.id, file_versions.c.blob_id)
        .where(file_versions.c.file_id == row.id, file_versions.c.id < row.version_id)
        .order_by(file_versions.c.id)
        .limit(most)
    )
    transaction.run(delete(file_versions).where(file_versions.c.id.in_([each.id for each in versions])))
    transaction.run(
        update(files)
        .where(files.c.id == bindparam("which"))
        # The count never rises by this, so that the work ends also where it was wrong.
        .values(version_count=bindparam("left")),
        {"which": row.id, "left": max(1, row.version_count - len(versions)) if versions else 1},
    )
    named: defaultdict[int, int] = defaultdict(int)
    for each in versions:
        if each.blob_id is not None:
            named[each.blob_id] += 1
    _release(transaction, {row.client_no: named})
    return max(1, len(versions))


def _release(transaction: Transaction, named: Mapping[int, Mapping[int, int]]) -> None:
    """Count names that are gone, by client and content."""
    for client_no, counts in named.items():
        release(transaction, client_no, counts)
