"""A client's past as records, and the rows that follow from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.catalogue.counters import Tally
from app.catalogue.enrolments import DEFAULT_GOAL_S
from app.catalogue.revision import new_revision
from app.catalogue.times import SECOND_US, to_us
from app.wire.http import AgentEntry
from streams.model.vocabulary import ClientState, EventKind, RunState, RunTrigger


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


def version_row(
    version_id: int, run_id: int, entry: AgentEntry, blob_id: int | None, at_us: int
) -> dict[str, Any]:
    """Return the row of a version, with the hash of its content beside."""
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


def content_rows(client_no: int, versions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return which contents a client has sent by its versions, and how many of them name each."""
    found: dict[int, dict[str, Any]] = {}
    for version in versions:
        if (blob_id := version["blob_id"]) is not None:
            row = {"client_no": client_no, "blob_id": blob_id, "version_count": 0}
            row = found.setdefault(blob_id, row)
            row["version_count"] += 1
            row["received_at"] = version["created_at"]
    return list(found.values())


def run_row(
    run_id: int, client_no: int, run: HistoryRun, *, new: int, changed: int, vanished: int
) -> dict[str, Any]:
    """Return the row of a run."""
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


def line_row(run: Mapping[str, Any], client_name: str) -> dict[str, Any]:
    """Return the line of activity of a run that has ended, without its number."""
    return {
        "at": run["finished_at"],
        "kind": EventKind.RUN_FINISHED.value,
        "client_no": run["client_no"],
        "client_name": client_name,
        "run_id": run["id"],
        "run_state": run["state"],
        "files": run["files_new"] + run["files_changed"],
        "bytes": run["bytes_sent"],
        "duration_s": (run["finished_at"] - run["started_at"]) / SECOND_US,
        "reason": run["reason"],
    }


def client_row(no: int, client_id: str, client: HistoryClient, tally: Tally) -> dict[str, Any]:
    """Return the row of a client after all its runs."""
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
