"""A client's past as rows: what its runs, one after the other, have left."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.catalogue.analytics_rollup import count_runs
from app.catalogue.counters import Tally
from app.catalogue.entry_rows import check, names
from app.catalogue.errors import BadQuery
from app.catalogue.past_rows import (
    HistoryClient,
    SeededClient,
    client_row,
    content_rows,
    line_row,
    run_row,
    version_row,
)
from app.catalogue.schema import activity, blobs, client_contents, clients, file_versions, files, runs
from app.catalogue.search import add_paths
from app.catalogue.times import file_time_us, to_us
from app.catalogue.tokens import AGENT_ONLY, issue_in
from app.catalogue.totals import add_blob_bytes
from app.catalogue.transaction import Transaction
from app.wire.http import AgentEntry
from streams.model.vocabulary import EventKind, FileState

AT_ONCE = 1000


@dataclass(slots=True)
class _Standing:
    """A file as the runs so far have left it."""

    row: dict[str, Any]
    version: dict[str, Any]


class Past:
    """Writes clients with their pasts, and remembers what they have in common."""

    def __init__(self, stored_size: Callable[[str, int], int], verified: Mapping[str, datetime]) -> None:
        self._stored_size = stored_size
        self._verified = verified
        self._blob_ids: dict[str, int] = {}
        self._sizes: dict[int, int] = {}
        self._lines: list[dict[str, Any]] = []
        self.seeded: dict[str, SeededClient] = {}

    def write(self, transaction: Transaction, client: HistoryClient) -> None:
        """Write a client and all its runs have left."""
        no, client_id, known = _identity(transaction, client.name)
        if not known:
            self._lines.append(
                {"at": to_us(client.created_at), "kind": EventKind.CLIENT_ENROLLED.value, "client_no": no}
            )
        run_rows: list[dict[str, Any]] = []
        blob_rows: list[dict[str, Any]] = []
        version_rows: list[dict[str, Any]] = []
        standing: dict[bytes, _Standing] = {}
        self._learn_blobs(transaction, client)
        for run in client.runs:
            run_id = transaction.numbers("runs")
            at_us = to_us(run.finished_at)
            new = changed = 0
            for entry in run.entries:
                check(entry)
                blob_id = self._blob(transaction, entry, at_us, blob_rows)
                version = version_row(transaction.numbers("file_versions"), run_id, entry, blob_id, at_us)
                there = standing.get(entry.raw_path)
                new, changed = new + (there is None), changed + (there is not None)
                if there is None:
                    row = {"id": transaction.numbers("files"), "client_no": no, "client_name": client.name}
                    row |= names(entry.raw_path) | {"version_count": 0}
                    there = standing[entry.raw_path] = _Standing(row, version)
                elif there.version["ended_at"] is None:
                    there.version["ended_at"] = at_us
                version["file_id"] = there.row["id"]
                there.version = version
                there.row["version_count"] += 1
                version_rows.append(version)
            gone = [standing[raw_path] for raw_path in run.vanished if raw_path in standing]
            for each in gone:
                each.version["ended_at"] = each.version["ended_at"] or at_us
            run_rows.append(run_row(run_id, no, run, new=new, changed=changed, vanished=len(gone)))
            self._lines.append(line_row(run_rows[-1], client.name))
        file_rows = [self._file(each) for each in standing.values()]
        tally = Tally()
        for row, each in zip(file_rows, standing.values(), strict=True):
            tally.add(row["kind"], row["state"], row["size_bytes"], each.version["blob_id"] is not None)
        held_rows = content_rows(no, version_rows)
        own_row = client_row(no, client_id, client, tally) | {"held_bytes": self._held(held_rows)}
        if known:
            transaction.run(update(clients).where(clients.c.no == no).values(**own_row))
        else:
            transaction.insert(clients, [own_row])
        for table, rows in (
            (runs, run_rows),
            (blobs, blob_rows),
            (client_contents, held_rows),
            (files, file_rows),
            (file_versions, version_rows),
        ):
            transaction.insert(table, rows)
        add_paths(transaction, [(row["id"], no, row["path_key"]) for row in file_rows])
        count_runs(transaction, run_rows)
        add_blob_bytes(transaction, sum(row["stored_bytes"] for row in blob_rows))
        token = issue_in(transaction, AGENT_ONLY, no, client.name)
        self.seeded[client.name] = SeededClient(client_id, token)

    def write_activity(self, transaction: Transaction) -> None:
        """Write the lines of activity of all clients, in the order of their times."""
        self._lines.sort(key=lambda line: line["at"])
        empty = dict.fromkeys(("run_id", "run_state", "files", "bytes", "duration_s", "reason"))
        first = transaction.numbers("events", len(self._lines)) if self._lines else 0
        rows = [empty | line | {"seq": seq} for seq, line in enumerate(self._lines, first)]
        transaction.insert(activity, rows)

    def _learn_blobs(self, transaction: Transaction, client: HistoryClient) -> None:
        """Find out which contents the catalogue had before this past was written."""
        hashes = {entry.sha256 for run in client.runs for entry in run.entries if entry.sha256}
        unknown = [bytes.fromhex(sha256) for sha256 in hashes - self._blob_ids.keys()]
        for start in range(0, len(unknown), AT_ONCE):
            part = unknown[start : start + AT_ONCE]
            wanted = select(blobs.c.id, blobs.c.sha256, blobs.c.size_bytes).where(blobs.c.sha256.in_(part))
            for row in transaction.all(wanted):
                self._blob_ids[row.sha256.hex()] = row.id
                self._sizes[row.id] = row.size_bytes

    def _held(self, held_rows: Sequence[Mapping[str, Any]]) -> int:
        return sum(self._sizes[row["blob_id"]] for row in held_rows)

    def _blob(
        self, transaction: Transaction, entry: AgentEntry, at_us: int, rows: list[dict[str, Any]]
    ) -> int | None:
        if entry.sha256 is None:
            return None
        known = self._blob_ids.get(entry.sha256)
        if known is not None:
            return known
        blob_id = self._blob_ids[entry.sha256] = transaction.numbers("blobs")
        self._sizes[blob_id] = entry.size_bytes
        rows.append(
            {
                "id": blob_id,
                "sha256": bytes.fromhex(entry.sha256),
                "size_bytes": entry.size_bytes,
                "stored_bytes": self._stored_size(entry.sha256, entry.size_bytes),
                "created_at": at_us,
                "verified_at": to_us(self._verified.get(entry.sha256)),
                "damaged": False,
            }
        )
        return blob_id

    def _file(self, standing: _Standing) -> dict[str, Any]:
        version = standing.version
        sha256 = version.pop("sha256")
        state = FileState.VERIFIED if sha256 in self._verified else FileState.STORED
        if version["ended_at"] is not None:
            state = FileState.VANISHED
        return standing.row | {
            "kind": version["kind"],
            "state": state.value,
            "version_id": version["id"],
            "size_bytes": version["size_bytes"],
            "modified_at": file_time_us(version["mtime_ns"]),
            "backed_up_at": version["created_at"],
            "vanished_at": version["ended_at"],
            "deleted_at": None,
            "blob_id": version["blob_id"],
        }


def _identity(transaction: Transaction, name: str) -> tuple[int, str, bool]:
    """Return number and id of a client, and whether it was known before; raises BadQuery if it has a past."""
    rows = transaction.all(select(clients.c.no, clients.c.id).where(clients.c.name == name))
    if not rows:
        return transaction.numbers("clients"), uuid.uuid4().hex, False
    if transaction.all(select(runs.c.id).where(runs.c.client_no == rows[0].no).limit(1)):
        raise BadQuery(f"{name} has a past already.")
    return rows[0].no, rows[0].id, True
