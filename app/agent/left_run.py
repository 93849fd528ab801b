"""The run that an agent has left which was killed: ended by the next one of the same state folder."""

import asyncio

import structlog

from app.agent.api import Api
from app.agent.failures import IndexUnusable, Refusal, is_passing
from app.agent.index import Index
from app.agent.index_file import IndexDamaged
from app.wire.http import FinishRun
from streams.model.failures import WrongToken
from streams.model.runs import Run
from streams.model.vocabulary import RunState

log = structlog.stdlib.get_logger(__name__)

RUN = "run_id"
"""Of the last run that was begun with this index."""
LEFT = "the agent ended in the middle of it, and was started again"


async def end_left_run(api: Api, index: Index, run_id: int) -> None:
    """End a run that an agent before us has left; as long as it runs nobody could ask for another.

    A run that was not begun with our index is of an agent that has a copy of our token, and may be at work.
    """
    try:
        ours = await asyncio.to_thread(index.fact, RUN)
    except (IndexUnusable, IndexDamaged) as error:
        log.info("last_run_unknown", reason=error.message)
        return
    if ours != str(run_id):
        log.info("run_of_another_agent", run=run_id)
        return
    try:
        report = FinishRun(state=RunState.FAILED, reason=LEFT)
        await api.call("POST", f"/api/agent/runs/{run_id}/finish", Run, json=report)
    except (Refusal, WrongToken) as error:
        if is_passing(error):
            raise
        log.info("run_not_ended", run=run_id, reason=error.message)
