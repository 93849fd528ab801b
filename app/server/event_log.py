"""Log lines about events of the server, with the client and the run they are about."""

from typing import Any

import structlog

from streams.model.events import Event
from streams.model.runs import Run
from streams.model.server import Activity
from streams.model.vocabulary import EventKind, RunState

log = structlog.stdlib.get_logger(__name__)

QUIET = frozenset({EventKind.CLIENT_CHANGED, EventKind.RUN_CHANGED, EventKind.FILES_CHANGED})
"""Too many, and each part of something that is said."""
BAD_RUNS = {RunState.FAILED: "error", RunState.PARTIAL: "warning"}


def say(event: Event) -> None:
    """Log a committed event, unless it is one of very many."""
    if event.kind in QUIET:
        return
    about: dict[str, Any] = {}
    activity = event.activity
    if event.client is not None:
        about |= {"client": event.client.name, "client_id": event.client.id}
    elif activity is not None and activity.client_id is not None:
        about |= {"client": activity.client_name, "client_id": activity.client_id}
    if event.run is not None:
        about |= _of_run(event.run)
    if activity is not None:
        about |= _of_files(event, activity) if event.run is None else {}
    about = {name: value for name, value in about.items() if value is not None and value != ""}
    _say(_level(event), event.kind.value, about)


def _of_files(event: Event, activity: Activity) -> dict[str, Any]:
    if event.kind is EventKind.FILE_DAMAGED:
        return {"file": activity.reason}  # for people its path is the reason
    if event.files is not None and event.files.path:
        return {"file": event.files.path, "count": activity.files}
    return {"count": activity.files, "reason": activity.reason}


def _of_run(run: Run) -> dict[str, Any]:
    about: dict[str, Any] = {
        "client": run.client_name,
        "client_id": run.client_id,
        "run": run.id,
        "correlation_id": run.correlation_id or None,
    }
    if not run.state.ended:
        return about | {"trigger": run.trigger.value}
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at is not None else None
    return about | {
        "state": run.state.value,
        "reason": run.reason,
        "files": run.files_seen,
        "new": run.files_new,
        "changed": run.files_changed,
        "failed": run.files_failed or None,
        "sent_bytes": run.bytes_sent,
        "seconds": None if seconds is None else round(seconds, 1),
    }


def _level(event: Event) -> str:
    if event.kind is EventKind.FILE_DAMAGED:
        return "error"
    if event.kind is EventKind.RUN_FINISHED and event.run is not None:
        return BAD_RUNS.get(event.run.state, "info")
    return "info"


def _say(level: str, event: str, about: dict[str, Any]) -> None:
    getattr(log, level)(event, **about)
