"""The switch of the server: whether it takes new backups, and how it comes to rest."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from app.catalogue.catalogue import Catalogue
from app.runtime.tasks import Tasks
from app.server.limits import Limits
from app.server.running import RunningRuns
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.vocabulary import EventKind, ServerState

log = structlog.stdlib.get_logger(__name__)

STOPPED = "the server was stopped"


class Switch:
    """Running, stopping or stopped; the control API stays up in all three."""

    def __init__(self, *, catalogue: Catalogue, running: RunningRuns, limits: Limits, tasks: Tasks) -> None:
        self._catalogue = catalogue
        self._running = running
        self._limits = limits
        self._tasks = tasks
        self._lock = asyncio.Lock()
        self._run_down: asyncio.Task[None] | None = None
        self._on_start: list[Callable[[], None]] = []
        self.state = ServerState.RUNNING
        self.since = utc_now()
        """When it came to this state; that it has come to rest is no other one than that it was stopped."""

    @property
    def on(self) -> bool:
        """Whether new runs are taken."""
        return self.state is ServerState.RUNNING

    def on_start(self, call: Callable[[], None]) -> None:
        """Call ``call`` each time the server takes runs again."""
        self._on_start.append(call)

    async def start(self) -> ServerState:
        """Take new runs again."""
        async with self._lock:
            self._halt_run_down()
            if not self.on:
                await self._become(ServerState.RUNNING, EventKind.SERVER_STARTED)
                for call in self._on_start:
                    call()
            return self.state

    async def stop(self, timeout_s: float | None) -> ServerState:
        """Refuse new runs; let running ones end, and end them when the time is over."""
        async with self._lock:
            if self.state is ServerState.STOPPED:
                return self.state
            self._halt_run_down()
            if self.on:
                await self._become(ServerState.STOPPING, EventKind.SERVER_STOPPING)
            if self._running.all():
                wait_s = self._limits.stop_timeout_s if timeout_s is None else timeout_s
                self._run_down = self._tasks.keep(partial(self._come_to_rest, wait_s), "stop")
            else:
                await self._become(ServerState.STOPPED, EventKind.SERVER_STOPPED)
            return self.state

    def _halt_run_down(self) -> None:
        if self._run_down is not None:
            self._run_down.cancel()
            self._run_down = None

    async def _come_to_rest(self, wait_s: float) -> None:
        if not await self._running.none_left(wait_s):
            await self._running.end_by_agents(self._running.all(), STOPPED)
            for run in self._running.all():
                await self._running.fail(run.id, STOPPED)
        async with self._lock:
            # This task; whoever cancels it from now on has to wait until the lock is free.
            self._run_down = None
            await self._become(ServerState.STOPPED, EventKind.SERVER_STOPPED)

    async def _become(self, state: ServerState, kind: EventKind) -> None:
        # First the state, so that no run slips in while the event is written.
        if not (self.state is ServerState.STOPPING and state is ServerState.STOPPED):
            self.since = utc_now()
        self.state = state
        record = partial(self._catalogue.events.record, kind, server_state=state)
        try:
            await record()
        except TidewatchError as failure:
            # The switch is turned; that it was is written as soon as it goes.
            log.warning("switch_not_noted", state=state, code=failure.code, reason=failure.message)
            self._tasks.keep(record, f"note-{kind}")
