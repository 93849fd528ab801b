"""A file's share in the counters of its client, so that no question has to count a million rows."""

from dataclasses import dataclass, fields
from typing import Any

from app.catalogue.schema import clients
from app.catalogue.totals import increased
from streams.model.vocabulary import EntryKind, FileState

_GONE = (FileState.VANISHED, FileState.DELETED)


@dataclass(slots=True)
class Tally:
    """Differences of a client's counters; folders are not counted."""

    file_count: int = 0
    stored_bytes: int = 0
    unverified_count: int = 0
    damaged_count: int = 0
    deleted_count: int = 0
    vanished_count: int = 0

    def add(self, kind: str, state: str, size_bytes: int, has_content: bool, sign: int = 1) -> None:
        """Count a file in, or with ``sign`` -1 out."""
        if kind == EntryKind.FOLDER:
            return
        if state == FileState.DELETED:
            self.deleted_count += sign
        elif state == FileState.VANISHED:
            self.vanished_count += sign
        if state in _GONE:
            return
        self.file_count += sign
        self.stored_bytes += sign * size_bytes
        if state == FileState.DAMAGED:
            self.damaged_count += sign
        elif state == FileState.STORED and has_content:
            self.unverified_count += sign

    def values(self) -> dict[str, Any]:
        """Return what an update of the client's row sets."""
        changes = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: increased(clients.c[name], change) for name, change in changes.items() if change}
