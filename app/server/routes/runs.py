"""Routes about runs: which there are, how they went, and an end to one."""

from typing import Annotated

import msgspec

from app.server.dispatch import Route
from app.server.services import Room
from app.wire.http import ActiveRuns
from streams.model.runs import Run, RunDetails, RunPage, RunResults
from streams.model.vocabulary import AuditAction, RunState, Scope


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, and before which id."""

    client_id: str | None = None
    before: Annotated[int, msgspec.Meta(ge=0)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30
    state: RunState | None = None
    and_protected: bool = False
    """Whether the page is followed by the newest of the older ones that are protected."""


class ResultsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back results are counted."""

    hours: Annotated[float, msgspec.Meta(gt=0, le=24 * 366 * 10)] = 24


async def runs(room: Room, query: RunsQuery) -> RunPage:
    """Return runs, newest first.

    GET /api/runs: 200.
    """
    page = await room.catalogue.runs.page(
        client_id=query.client_id, before=query.before, limit=query.limit, state=query.state
    )
    if not query.and_protected or page.next_before is None:
        return page
    protected = await room.catalogue.runs.page(
        query.client_id, page.next_before, query.limit, query.state, only_protected=True
    )
    return RunPage(rows=(*page.rows, *protected.rows), next_before=page.next_before)


async def active(room: Room) -> ActiveRuns:
    """Return the runs that have not ended and how far they are.

    GET /api/runs/active: 200.
    """
    epoch, seq, rows = await room.catalogue.runs.active()
    return ActiveRuns(epoch=epoch, seq=seq, runs=rows, progress=room.progress.all())


async def results(room: Room, query: ResultsQuery) -> RunResults:
    """Count how the runs of the last hours ended.

    GET /api/runs/results: 200.
    """
    return await room.catalogue.runs.results(query.hours)


async def details(room: Room, run_id: int) -> RunDetails:
    """Return a run with the first of the files that it has stored.

    GET /api/runs/{run_id}: 200, 404 unknown_run.
    """
    return await room.catalogue.runs.details(run_id)


async def cancel(room: Room, run_id: int) -> Run:
    """End a running backup; what it has stored is kept.

    POST /api/runs/{run_id}/cancel: 200, 404 unknown_run, 409 run_ended.
    """
    return await room.running.cancel(run_id)


RUNS = (
    Route("GET", "/api/runs", runs, Scope.LOOK),
    Route("GET", "/api/runs/active", active, Scope.LOOK),
    Route("GET", "/api/runs/results", results, Scope.LOOK),
    Route("GET", "/api/runs/{run_id}", details, Scope.LOOK, ("unknown_run",)),
    Route(
        "POST",
        "/api/runs/{run_id}/cancel",
        cancel,
        Scope.OPERATE,
        ("unknown_run", "run_ended"),
        audit=AuditAction.CANCEL_RUN,
    ),
)
