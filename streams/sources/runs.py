"""Runs: backups that run now, how the last ones turned out, and those of one client."""

from collections.abc import Mapping

from reactivex import Observable

from streams.model.events import Event, ProgressFrame
from streams.model.runs import Progress, Run, RunDetails, RunPage, RunResults
from streams.model.snapshot import Delta
from streams.model.vocabulary import Topic
from streams.operators.results import Failed, Ok
from streams.sources.feed import FeedItem
from streams.sources.fold import NewestFold
from streams.sources.folding import folded
from streams.sources.reading import Fetch, OnEvent, OnResponse, Reading

Answer = Mapping[int, Progress]
Update = Delta[int, Progress] | Failed
FetchProgress = Fetch[Answer]
"""The running backups by run id."""


def progress_of(run: Run) -> Progress:
    """Return the progress of a run that has told nothing yet."""
    return Progress(run_id=run.id, client_id=run.client_id, client_name=run.client_name, at=run.started_at)


def progress(fetch: FetchProgress, reading: Reading) -> Observable[Update]:
    """Running backups as they move.

    Source:  GET /api/runs/active every ``critical_s`` and after each gap; progress frames and run events.
    Emits:   the first answer as a full delta, then each change; an empty delta for an answer without one.
    Shape:   by run id, as many as run at once; bytes, and bytes per second.
    Sharing: none; the table that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def begin() -> tuple[FetchProgress, OnResponse[Answer, Update], OnEvent[Update]]:
        fold: NewestFold[int, Progress] = NewestFold()

        def ask() -> Observable[Answer]:
            fold.ask()
            return fetch()

        def on_event(item: FeedItem) -> Update | None:
            match item:
                case ProgressFrame(runs=runs, ended=ended):
                    return fold.write({row.run_id: row for row in runs}, frozenset(ended))
                case Event(run=Run() as run) if run.state.ended:
                    return fold.write({}, frozenset({run.id}), item.committed_at)
                case Event(run=Run() as run) if run.id not in fold.rows:
                    return fold.write({run.id: progress_of(run)}, at=item.committed_at)
                case _:
                    return None

        return ask, folded(fold.read), on_event

    return reading.polled(begin, reading.critical_s, Topic.PROGRESS, Topic.RUNS)


def results(fetch: Fetch[RunResults], reading: Reading) -> Observable[Ok[RunResults] | Failed]:
    """How the runs of the last 24 h ended.

    Source:  GET /api/runs/results every ``background_s``, and soon after a run has ended.
    Emits:   counts of each result, at once and after each read.
    Shape:   one record; bytes_sent in bytes.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.RUNS, lambda event: event.run is not None and event.run.state.ended)


def client_runs(client_id: str, fetch: Fetch[RunPage], reading: Reading) -> Observable[Ok[RunPage] | Failed]:
    """Backups of one client.

    Source:  GET /api/runs?client_id=… every ``background_s``, and soon after an event of one of its runs.
    Emits:   the newest 30, newest first, and older ones that are protected, at once and after each read.
    Shape:   up to 60 runs; bytes, times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(
        fetch, Topic.RUNS, lambda event: event.run is not None and event.run.client_id == client_id
    )


def run(run_id: int, fetch: Fetch[RunDetails], reading: Reading) -> Observable[Ok[RunDetails] | Failed]:
    """One backup with the files that it has stored.

    Source:  GET /api/runs/{id} every ``background_s``, and soon after an event of this run.
    Emits:   the run, at once and after each read.
    Shape:   one record, up to 200 files; bytes, times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.RUNS, lambda event: event.run is not None and event.run.id == run_id)
