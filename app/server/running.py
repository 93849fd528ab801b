"""The runs that run right now: whose they are, and how they are brought to their end from here."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import RunEnded, UnknownRun
from app.server.agents import AgentsHub
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.progress import ProgressBoard
from app.wire.http import FinishRun
from streams.model.events import Event
from streams.model.failures import TidewatchError
from streams.model.runs import Run
from streams.model.vocabulary import RunState

log = structlog.stdlib.get_logger(__name__)

REVOKED = "its token was revoked"
WENT_AWAY = "the agent went away"
BY_OPERATOR = "cancelled by an operator"
SWEEP_S = 5.0
Write = Callable[[], Awaitable[Run]]
"""Writes the end of a run."""


class RunningRuns:
    """Follows runs through the events, and ends them by their agent where that answers, else from here."""

    def __init__(
        self, *, catalogue: Catalogue, agents: AgentsHub, progress: ProgressBoard, limits: Limits
    ) -> None:
        self._catalogue = catalogue
        self._agents = agents
        self._progress = progress
        self._limits = limits
        self._ends: dict[int, asyncio.Event] = {}
        self._owed: dict[int, Write] = {}
        """Ends that could not be written, since the disk was full say; written as soon as it goes."""

    def note(self, event: Event) -> None:
        """Follow runs as they begin and end."""
        run = event.run
        if run is None:
            return
        if run.state.ended:
            self._progress.end(run.id)
            ends = self._ends.pop(run.id, None)
            if ends is not None:
                ends.set()
        elif run.state is RunState.RUNNING and run.id not in self._ends:
            self._ends[run.id] = asyncio.Event()
            self._progress.begin(run)

    def all(self) -> tuple[Run, ...]:
        """Return the runs that run."""
        return self._progress.runs()

    def of(self, client_id: str) -> list[Run]:
        """Return the runs of one client; there is at most one unless an agent was lost."""
        return [run for run in self._progress.runs() if run.client_id == client_id]

    async def own(self, client_id: str, run_id: int) -> None:
        """Raise unless this run is one of this client."""
        run = self._progress.run_of(run_id) or await self._catalogue.runs.one(run_id)
        if run.client_id != client_id:
            raise Refused("unknown_run", "No run of this client has this id.")

    async def finish(self, run_id: int, finish: FinishRun) -> Run:
        """End a run with its result; one that cannot be written now is not forgotten."""
        write = partial(
            self._catalogue.runs.finish, run_id, finish, received_bytes=self._received_bytes(run_id)
        )
        return await self._end(run_id, write)

    async def _end(self, run_id: int, write: Write) -> Run:
        try:
            run = await write()
        except (RunEnded, UnknownRun):
            self._owed.pop(run_id, None)
            raise
        except TidewatchError:
            self._owed[run_id] = write
            raise
        self._owed.pop(run_id, None)
        return run

    async def fail(self, run_id: int, reason: str) -> None:
        """End a run from here with what has come of it so far; one that has ended meanwhile stays."""
        try:
            await self._give_up(run_id, RunState.FAILED, reason)
        except RunEnded:
            log.debug("run_ended_meanwhile", run=run_id)

    async def cancel(self, run_id: int) -> Run:
        """End a running backup for an operator; what it has stored is kept."""
        run = self._progress.run_of(run_id)
        if run is None:
            if (await self._catalogue.runs.one(run_id)).state.ended:
                raise Refused("run_ended", "This run has ended.")
        else:
            await self.end_by_agents((run,), BY_OPERATOR)
        try:
            return await self._give_up(run_id, RunState.CANCELLED, BY_OPERATOR)
        except RunEnded:
            return await self._catalogue.runs.one(run_id)

    async def _give_up(self, run_id: int, state: RunState, reason: str) -> Run:
        give_up = self._catalogue.runs.give_up
        guess = partial(give_up, run_id, state, reason, received_bytes=self._received_bytes(run_id))
        # What its agent has told of its end, and could not be written yet, is the truth.
        return await self._end(run_id, self._owed.get(run_id, guess))

    def _received_bytes(self, run_id: int) -> int:
        run = self._progress.run_of(run_id)
        return self._progress.received_bytes(run.client_id) if run is not None else 0

    async def end_by_agents(self, runs: Sequence[Run], reason: str) -> None:
        """Tell the agents to end these runs, and why; give those that obey a moment to do it."""
        ends = [self._ends.get(run.id) for run in runs]
        answers = await asyncio.gather(
            *(self._agents.command(run.client_id, "cancel", run_id=run.id, reason=reason) for run in runs)
        )
        obeyed = [
            asyncio.ensure_future(end.wait())
            for end, answer in zip(ends, answers, strict=True)
            if end is not None and answer is not None and answer.accepted
        ]
        if obeyed:
            try:
                await asyncio.wait(obeyed, timeout=self._limits.command_s)
            finally:
                for waiting in obeyed:
                    waiting.cancel()

    async def none_left(self, wait_s: float) -> bool:
        """Wait until no run runs; return False when the time is over first."""
        try:
            async with asyncio.timeout(wait_s):
                while self._ends:
                    await next(iter(self._ends.values())).wait()
        except TimeoutError:
            return False
        return True

    async def sweep(self) -> None:
        """Fail the runs of agents that cannot come back, or are silent for too long, until cancelled."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self._limits.run_lost_s))
            for run_id, write in list(self._owed.items()):
                await self._quietly(self._end(run_id, write), run_id)
            for run in self._progress.runs():
                reason = self._lost_because(run)
                if reason is not None:
                    await self._quietly(self.fail(run.id, reason), run.id)

    def _lost_because(self, run: Run) -> str | None:
        if self._agents.revoked(run.client_id):
            return REVOKED
        away = not self._agents.connected(run.client_id)
        silent = self._agents.presence.silent_s(run.client_id) > self._limits.run_lost_s
        return WENT_AWAY if away and silent else None

    async def _quietly(self, ending: Coroutine[Any, Any, Any], run_id: int) -> None:
        """Await the end of one run; a failure leaves it to the next sweep, and the others go on."""
        try:
            await ending
        except (RunEnded, UnknownRun):
            log.debug("run_ended_meanwhile", run=run_id)
        except TidewatchError as failure:
            log.warning("run_end_not_written", run=run_id, code=failure.code, reason=failure.message)
