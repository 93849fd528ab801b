"""Rows of files and versions as they follow from what an agent says of a name."""

from collections.abc import Mapping
from typing import Any

from app.catalogue.aliases import AnyRow
from app.catalogue.errors import BadQuery
from app.catalogue.paths import key_of, name_of, path_of, suffix_of
from app.catalogue.times import file_time_us
from app.catalogue.transaction import Transaction
from app.wire.attributes import pack
from app.wire.http import AgentEntry
from streams.model.vocabulary import EntryKind, FileState

LARGEST = 2**63 - 1


def state_of(blob: AnyRow | None) -> str:
    """Return the state of a present file with this content."""
    if blob is None:
        return FileState.STORED.value
    if blob.damaged:
        return FileState.DAMAGED.value
    return FileState.STORED.value if blob.verified_at is None else FileState.VERIFIED.value


def same(row: AnyRow, entry: AgentEntry, blob: AnyRow | None) -> bool:
    """Return whether a name is there already just so."""
    return (
        row.vanished_at is None
        and row.deleted_at is None
        and row.kind == entry.kind
        and row.size_bytes == entry.size_bytes
        and row.blob_id == (blob.id if blob is not None else None)
        and row.mtime_ns == entry.mtime_ns
        and row.mode == entry.mode
        and row.link_target == entry.link_target
        and bool(row.inconsistent) == entry.inconsistent
        and row.attributes == pack(entry.attributes)
    )


def names(raw_path: bytes) -> dict[str, Any]:
    """Return the columns of a file that follow from its name."""
    path = path_of(raw_path)
    key = key_of(path)
    return {
        "raw_path": raw_path,
        "path": path,
        "path_key": key,
        "name_key": name_of(key),
        "suffix": suffix_of(path),
    }


def newest(
    transaction: Transaction, entry: AgentEntry, blob: AnyRow | None, version_id: int
) -> dict[str, Any]:
    """Return the columns of a file that say what its newest version is."""
    return {
        "kind": entry.kind.value,
        "state": state_of(blob),
        "version_id": version_id,
        "size_bytes": entry.size_bytes,
        "modified_at": file_time_us(entry.mtime_ns),
        "backed_up_at": transaction.now_us,
        "vanished_at": None,
        "deleted_at": None,
        "blob_id": blob.id if blob is not None else None,
    }


def version(
    begins_us: int, run_id: int, entry: AgentEntry, newest_columns: Mapping[str, Any], file_id: int
) -> dict[str, Any]:
    """Return the row of a version; ``newest_columns`` are those of its file."""
    return {
        "id": newest_columns["version_id"],
        "file_id": file_id,
        "run_id": run_id,
        "created_at": begins_us,
        "kind": entry.kind.value,
        "size_bytes": entry.size_bytes,
        "mtime_ns": entry.mtime_ns,
        "mode": entry.mode,
        "blob_id": newest_columns["blob_id"],
        "link_target": entry.link_target,
        "inconsistent": entry.inconsistent,
        "attributes": pack(entry.attributes),
    }


def check(entry: AgentEntry) -> None:
    """Raise BadQuery for an entry that cannot be kept."""
    numbers_fit = (
        0 <= entry.size_bytes <= LARGEST and -LARGEST <= entry.mtime_ns <= LARGEST and 0 <= entry.mode < 2**31
    )
    content_fits = (entry.kind is EntryKind.FILE) == (entry.sha256 is not None)
    if not entry.raw_path or not numbers_fit or not content_fits or not _is_hash(entry.sha256):
        raise BadQuery(
            f"The entry {path_of(entry.raw_path)!r} is not possible.",
            hint="A file has a SHA-256 in 64 hexadecimal digits, nothing else has one; numbers fit 64 bits.",
        )


def _is_hash(sha256: str | None) -> bool:
    return sha256 is None or (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef"))
