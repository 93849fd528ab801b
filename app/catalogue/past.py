"""A client's past as rows: what its runs, one after the other, have left."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.catalogue.analytics_rollup import count_runs
from app.catalogue.enrolments import DEFAULT_GOAL_S
from app.catalogue.entry_rows import check, names
from app.catalogue.errors import BadQuery
from app.catalogue.revision import new_revision
from app.catalogue.schema import activity, blobs, clients, file_versions, files, runs
from app.catalogue.tally import Tally
from app.catalogue.times import SECOND_US, file_time_us, to_us
from app.catalogue.tokens import AGENT_ONLY, issue_in
from app.catalogue.totals import add_blob_bytes
from app.catalogue.transaction import Transaction
from app.protocol import AgentEntry
from streams.vocabulary import ClientState, EventKind, FileState, RunState, RunTrigger

AT_ONCE = 1000


@dataclass(slots=True)
class HistoryRun:
    """One backup of the past, with what it found new or changed, and what it found gone."""

    started_at: datetime
    finished_at: datetime
    state: RunState
    trigger: RunTrigger = RunTrigger.SCHEDULE
    reason: str | None = None
    entries: Sequence[AgentEntry] = ()
    vanished: Sequence[bytes] = ()
    files_seen: int = 0
    bytes_seen: int = 0
    files_failed: int = 0
    bytes_sent: int | None = None
    """None: the sum of its entries."""


@dataclass(slots=True)
class HistoryClient:
    """A client with its past; its runs oldest first."""

    name: str
    created_at: datetime
    last_seen_at: datetime | None = None
    state: ClientState = ClientState.OFFLINE
    goal_s: float = DEFAULT_GOAL_S
    platform: str = ""
    agent_version: str = ""
    runs: Sequence[HistoryRun] = ()


@dataclass(frozen=True, slots=True)
class SeededClient:
    """A client as it was written: its id, and a token with which its agent can speak."""

    id: str
    token: str


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
                version = _version(transaction.numbers("file_versions"), run_id, entry, blob_id, at_us)
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
            run_rows.append(_run(run_id, no, run, new=new, changed=changed, vanished=len(gone)))
            self._lines.append(_line(run_rows[-1]))
        file_rows = [self._file(each) for each in standing.values()]
        tally = Tally()
        for row, each in zip(file_rows, standing.values(), strict=True):
            tally.add(row["kind"], row["state"], row["size_bytes"], each.version["blob_id"] is not None)
        client_row = _client(no, client_id, client, tally)
        if known:
            transaction.run(update(clients).where(clients.c.no == no).values(**client_row))
        else:
            transaction.insert(clients, [client_row])
        for table, rows in (
            (runs, run_rows),
            (blobs, blob_rows),
            (files, file_rows),
            (file_versions, version_rows),
        ):
            transaction.insert(table, rows)
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
            for row in transaction.all(select(blobs.c.id, blobs.c.sha256).where(blobs.c.sha256.in_(part))):
                self._blob_ids[row.sha256.hex()] = row.id

    def _blob(
        self, transaction: Transaction, entry: AgentEntry, at_us: int, rows: list[dict[str, Any]]
    ) -> int | None:
        if entry.sha256 is None:
            return None
        known = self._blob_ids.get(entry.sha256)
        if known is not None:
            return known
        blob_id = self._blob_ids[entry.sha256] = transaction.numbers("blobs")
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


def _version(
    version_id: int, run_id: int, entry: AgentEntry, blob_id: int | None, at_us: int
) -> dict[str, Any]:
    return {
        "id": version_id,
        "run_id": run_id,
        "created_at": at_us,
        "ended_at": None,
        "kind": entry.kind.value,
        "size_bytes": entry.size_bytes,
        "mtime_ns": entry.mtime_ns,
        "mode": entry.mode,
        "blob_id": blob_id,
        "link_target": entry.link_target,
        "inconsistent": entry.inconsistent,
        "sha256": entry.sha256,
    }


def _run(
    run_id: int, client_no: int, run: HistoryRun, *, new: int, changed: int, vanished: int
) -> dict[str, Any]:
    sent = sum(entry.size_bytes for entry in run.entries) if run.bytes_sent is None else run.bytes_sent
    return {
        "id": run_id,
        "client_no": client_no,
        "trigger": run.trigger.value,
        "state": run.state.value,
        "started_at": to_us(run.started_at),
        "finished_at": to_us(run.finished_at),
        "reason": run.reason,
        "files_seen": run.files_seen,
        "files_new": new,
        "files_changed": changed,
        "files_vanished": vanished,
        "files_failed": run.files_failed,
        "bytes_seen": run.bytes_seen,
        "bytes_sent": sent,
        "correlation_id": "",
    }


def _line(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": run["finished_at"],
        "kind": EventKind.RUN_FINISHED.value,
        "client_no": run["client_no"],
        "run_id": run["id"],
        "run_state": run["state"],
        "files": run["files_new"] + run["files_changed"],
        "bytes": run["bytes_sent"],
        "duration_s": (run["finished_at"] - run["started_at"]) / SECOND_US,
        "reason": run["reason"],
    }


def _client(no: int, client_id: str, client: HistoryClient, tally: Tally) -> dict[str, Any]:
    success: datetime | None = None
    failing: datetime | None = None
    reason: str | None = None
    for run in client.runs:
        if run.state in (RunState.COMPLETE, RunState.PARTIAL):
            success, failing, reason = run.finished_at, None, None
        elif run.state is RunState.FAILED:
            failing, reason = failing or run.started_at, run.reason
    return {
        "no": no,
        "id": client_id,
        "name": client.name,
        "state": client.state.value,
        "created_at": to_us(client.created_at),
        "goal_s": client.goal_s,
        "last_seen_at": to_us(client.last_seen_at),
        "last_success_at": to_us(success),
        "failing_since": to_us(failing),
        "failure_reason": reason,
        "last_run_state": client.runs[-1].state.value if client.runs else None,
        "revision": new_revision(),
        "platform": client.platform,
        "agent_version": client.agent_version,
        "file_count": tally.file_count,
        "stored_bytes": tally.stored_bytes,
        "unverified_count": tally.unverified_count,
        "deleted_count": tally.deleted_count,
        "vanished_count": tally.vanished_count,
    }
