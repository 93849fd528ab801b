"""The end of a run inside a write; it is also what a client's health is judged by."""

from typing import Any

from sqlalchemy import func, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.analytics_rollup import count_runs
from app.catalogue.clients import change
from app.catalogue.errors import RunEnded, UnknownRun
from app.catalogue.rows import run_of, select_runs
from app.catalogue.run_names import keep_failed
from app.catalogue.schema import clients, runs
from app.catalogue.totals import clamped
from app.catalogue.transaction import Told, Transaction
from app.wire.http import FinishRun
from streams.model.runs import Run
from streams.model.vocabulary import EventKind, RunState, Topic

AGENT_GONE = "the agent went away"
COUNTS = (
    "files_seen",
    "files_new",
    "files_changed",
    "files_vanished",
    "files_failed",
    "bytes_seen",
    "bytes_sent",
)


def run_row(transaction: Transaction, run_id: int) -> AnyRow:
    """Return the row of a run inside a write; raises UnknownRun."""
    rows = transaction.all(select_runs().where(runs.c.id == run_id))
    if not rows:
        raise unknown_run(run_id)
    return rows[0]


def running_row(transaction: Transaction, run_id: int) -> AnyRow:
    """Return the row of a run that has not ended; raises UnknownRun or RunEnded."""
    row = run_row(transaction, run_id)
    if RunState(row.state).ended:
        raise RunEnded(f"Run {run_id} has ended: {row.state}.", hint="Start a new one.")
    return row


def _counts(transaction: Transaction, row: AnyRow, finish: FinishRun, received_bytes: int) -> dict[str, int]:
    """Return the counters of a run that ends: the server's own sums of what came for it.

    Only of what is as it was, or could not be read, nothing comes: how many files and bytes were seen, and
    how many failed, is believed as far as the client can have so much at all.
    """
    client = transaction.all(
        select(
            clients.c.file_count, clients.c.deleted_count, clients.c.stored_bytes, clients.c.held_bytes
        ).where(clients.c.no == row.client_no)
    )[0]
    files = client.file_count + client.deleted_count + finish.files_failed
    counts = {name: getattr(row, name) for name in COUNTS}
    return counts | {
        "files_seen": max(row.files_seen, min(finish.files_seen, files)),
        "files_failed": finish.files_failed,
        "bytes_seen": max(row.bytes_seen, min(finish.bytes_seen, client.stored_bytes + client.held_bytes)),
        "bytes_sent": clamped(max(row.bytes_sent, received_bytes)),
    }


def end(transaction: Transaction, row: AnyRow, finish: FinishRun, received_bytes: int = 0) -> Run:
    """End a run inside a write, and judge its client by it."""
    counts = _counts(transaction, row, finish, received_bytes)
    # The clock may have been set back since: no run ends before it began.
    ended_us = max(transaction.now_us, row.started_at)
    transaction.run(
        update(runs)
        .where(runs.c.id == row.id)
        .values(state=finish.state.value, reason=finish.reason, finished_at=ended_us, **counts)
    )
    keep_failed(transaction, row.id, finish.failed)
    counted = {"client_no": row.client_no, "state": finish.state.value, "finished_at": ended_us}
    count_runs(transaction, [counted | counts])
    run = run_of(run_row(transaction, row.id))
    judged: dict[str, Any] = {"last_run_state": finish.state.value}
    if finish.state in (RunState.COMPLETE, RunState.PARTIAL):
        judged |= {"last_success_at": transaction.now_us, "failing_since": None, "failure_reason": None}
    elif finish.state is RunState.FAILED:
        judged |= {
            "failing_since": func.coalesce(clients.c.failing_since, row.started_at),
            "failure_reason": finish.reason,
        }
    still = clients.c.running_run_id
    judged["running_run_id"] = func.nullif(still, row.id)
    client = change(transaction, row.client_no, **judged)
    told = Told(
        files=run.files_new + run.files_changed,
        bytes=run.bytes_sent,
        duration_s=(ended_us - row.started_at) / 1e6,
        reason=run.reason,
    )
    transaction.emit(
        EventKind.RUN_FINISHED,
        Topic.RUNS,
        Topic.CLIENTS,
        client=client,
        run=run,
        told=told,
        client_no=row.client_no,
    )
    return run


def force_end(transaction: Transaction, row: AnyRow, reason: str) -> None:
    """End a run of which not all can be read, without telling anybody."""
    transaction.run(
        update(runs)
        .where(runs.c.id == row.id)
        .values(state=RunState.FAILED.value, reason=reason, finished_at=transaction.now_us)
    )
    transaction.run(update(clients).where(clients.c.running_run_id == row.id).values(running_run_id=None))


def unknown_run(run_id: int) -> UnknownRun:
    """Return the failure for a number that no run has."""
    return UnknownRun(f"No run has the number {run_id}.")
