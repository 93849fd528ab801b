"""Of which backups a restored state is made, in words: a run that did not end is never now without a word."""

from datetime import datetime

from app.agent.api import Api
from app.agent.restore_source import ANY_CLIENT, OWN_CLIENT
from app.agent.retry import Patience
from app.agent.terminal import counted
from app.wire.http import TreeState
from streams.model.runs import Run
from streams.model.vocabulary import RunState


async def read_state(api: Api, patience: Patience, client_id: str | None, at: datetime | None) -> TreeState:
    """Return the backups behind what was there at a time; without a client of the token's own."""
    params: dict[str, str] = {} if client_id is None else {"client_id": client_id}
    if at is not None:
        params["at"] = at.isoformat().replace("+00:00", "Z")
    path = f"{OWN_CLIENT if client_id is None else ANY_CLIENT}/tree/state"
    return await patience.through(lambda: api.call("GET", path, TreeState, params=params))


def is_whole(state: TreeState) -> bool:
    """Return whether no backup has brought a part of a state without coming to its end."""
    return state.latest is None or (state.whole is not None and state.whole.id == state.latest.id)


def notes_of(state: TreeState, *, at: datetime | None) -> list[str]:
    """Return what has to be said of a state before it is restored; nothing where it is a whole backup."""
    latest, whole = state.latest, state.whole
    if latest is None:
        return []
    if whole is not None and is_whole(state):
        as_of = [f"This is the state of the backup that ended at {_time(whole.finished_at)}."] if at else []
        partial = [f"That backup is partial: {_reason(whole)}."] if whole.state is RunState.PARTIAL else []
        return as_of + partial
    return [f"{_unended(latest, at)} {_taken(latest, whole)}"]


def _unended(run: Run, at: datetime | None) -> str:
    if run.finished_at is None or (at is not None and run.finished_at > at):
        return f"A backup was under way, begun at {_time(run.started_at)}, that had not come to its end."
    how = f"{run.state}: {_reason(run)}" if run.reason else run.state
    return f"The last backup, begun at {_time(run.started_at)}, did not come to its end ({how})."


def _taken(run: Run, whole: Run | None) -> str:
    came = counted(run.files_new + run.files_changed, "file")
    if whole is None:
        return f"No backup of this client ever did; what has arrived is restored ({came} of that one)."
    rest = f"the backup that ended at {_time(whole.finished_at)}"
    if not (run.files_new or run.files_changed or run.files_vanished):
        return f"It had brought no files; this is the state of {rest}."
    assert whole.finished_at is not None
    return (
        f"Restored is each file in its newest version: {came} of that one, the others of {rest}."
        f" For that backup alone give --at {whole.finished_at.isoformat()}."
    )


def _reason(run: Run) -> str:
    return (run.reason or "").rstrip(".")


def _time(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
