"""Backups: who may begin one, who is asked for one, and who is shut out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import UnknownClient
from app.runtime.tasks import Tasks
from app.server.agents import AgentsHub
from app.server.client_registry import Roster
from app.server.disk import check_free
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.quota import Quota
from app.server.running import REVOKED, WENT_AWAY, RunningRuns
from app.server.switch import STOPPED, Switch
from app.wire.http import StartRun
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.vocabulary import ServerState

SHUT_OUT = "disconnected by an operator"
ENROL_AGAIN = f"{REVOKED}; it has to be enrolled again"


class Backups:
    """Begins runs for agents, and asks agents for runs."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        roster: Roster,
        agents: AgentsHub,
        running: RunningRuns,
        switch: Switch,
        quota: Quota,
        limits: Limits,
        data_dir: Path,
        tasks: Tasks,
    ) -> None:
        self._quota = quota
        self._limits = limits
        self._data_dir = data_dir
        self._catalogue = catalogue
        self._roster = roster
        self._agents = agents
        self._running = running
        self._switch = switch
        self._tasks = tasks
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        agents.on_connected(self.deliver)
        switch.on_start(self._deliver_all)

    async def begin(self, client_id: str, start: StartRun) -> Run:
        """Begin a run for an agent, unless the server is stopped or it was replaced by another run.

        Where the disk is full or the quota exceeded it fails at once, and is shown with the reason.
        """
        if not self._switch.on:
            raise Refused("server_stopped", "The server is stopped and takes no new backups.")
        for earlier in self._running.of(client_id):
            if start.instead_of is not None and earlier.id > start.instead_of:
                continue  # of another program with this client's token: then this one is refused
            if not start.correlation_id or earlier.correlation_id != start.correlation_id:
                await self._running.fail(earlier.id, WENT_AWAY)
        run = await self._catalogue.runs.start(
            client_id, start.trigger, start.correlation_id, instead_of=start.instead_of
        )
        if self._switch.state is ServerState.STOPPED:
            # The switch was turned while the run was written, and saw nothing to wait for.
            await self._running.fail(run.id, STOPPED)
            raise Refused("server_stopped", "The server is stopped and takes no new backups.")
        try:
            await check_free(self._data_dir, self._limits.least_free_bytes)
            await self._quota.check(client_id)
        except Refused as refusal:
            await self._running.fail(run.id, refusal.problem.message)
            raise
        return run

    async def request(self, client_ids: Sequence[str] | None) -> Outcome:
        """Ask clients, or all for None, for a backup; those that are away get it when they are back."""
        if client_ids is None:
            client_ids = [client.id for client in self._roster.all()]
        refused: dict[str, str] = {}
        asked: list[str] = []
        after_run = 0
        for client_id in dict.fromkeys(client_ids):
            objection = self._objection(client_id)
            if objection:
                refused[client_id] = objection
            else:
                asked.append(client_id)
        if asked:
            # The wish is durable before it is told, so that neither a crash nor a lost answer forgets it.
            after_run = await self._catalogue.clients.queue_backup(asked)
        answers = dict(
            zip(asked, await asyncio.gather(*(self._tell(client_id) for client_id in asked)), strict=True)
        )
        refused.update((client_id, said) for client_id, said in answers.items() if said)
        return Outcome(
            done=tuple(client_id for client_id, said in answers.items() if said == ""),
            queued=tuple(client_id for client_id, said in answers.items() if said is None),
            refused=refused,
            after_run=after_run,
        )

    def _objection(self, client_id: str) -> str:
        client = self._roster.get(client_id)
        if client is None:
            return "unknown client"
        if not self._switch.on:
            return "the server is stopped"
        if self._roster.shut_out(client_id):
            return "the client is disconnected"
        if self._roster.revoked(client_id):
            return ENROL_AGAIN
        if client.running_run_id is not None:
            return "a backup is running already"
        return ""

    def _deliver_all(self) -> None:
        for client in self._roster.all():
            if client.backup_queued and self._agents.connected(client.id):
                self._tasks.keep(partial(self.deliver, client.id), f"deliver-{client.id}")

    async def deliver(self, client_id: str) -> None:
        """Give a client the backup that waits for it, if one does and the server takes one."""
        client = self._roster.get(client_id)
        if client is not None and client.backup_queued and self._switch.on:
            await self._tell(client_id)

    async def _tell(self, client_id: str) -> str | None:
        """Command a queued backup: empty if accepted, a reason if refused, None if it waits further."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            client = self._roster.get(client_id)
            if client is None or not client.backup_queued:
                return ""
            answer = await self._agents.command(client_id, "backup")
            if answer is None:
                return None
            client = self._roster.get(client_id)
            if client is not None and client.backup_queued:
                await self._catalogue.clients.clear_queued(client_id)
            return "" if answer.accepted else (answer.reason or "the agent refused")

    async def disconnect(self, client_ids: Iterable[str]) -> Outcome:
        """Shut clients out; a running backup of theirs fails."""
        return await _each(client_ids, self._disconnect)

    async def _disconnect(self, client_id: str) -> None:
        self._refuse_revoked(client_id)
        await self._agents.shut_out(client_id)
        for run in self._running.of(client_id):
            await self._running.fail(run.id, SHUT_OUT)

    async def allow(self, client_ids: Iterable[str]) -> Outcome:
        """Let disconnected clients in again."""
        return await _each(client_ids, self._allow)

    async def _allow(self, client_id: str) -> None:
        self._refuse_revoked(client_id)
        client = self._roster.get(client_id)
        if client is not None and client.destroy_at is not None:
            raise Refused("client_marked", "It is to be removed; undo that instead.")
        await self._agents.allow(client_id)

    def _refuse_revoked(self, client_id: str) -> None:
        if self._roster.revoked(client_id):
            raise Refused("client_revoked", ENROL_AGAIN)


async def _each(client_ids: Iterable[str], act: Callable[[str], Awaitable[None]]) -> Outcome:
    done: list[str] = []
    refused: dict[str, str] = {}
    for client_id in dict.fromkeys(client_ids):
        try:
            await act(client_id)
        except UnknownClient:
            refused[client_id] = "unknown client"
        except Refused as refusal:
            refused[client_id] = refusal.problem.message
        else:
            done.append(client_id)
    return Outcome(done=tuple(done), refused=refused)
