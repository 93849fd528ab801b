"""The agent at work: one backup, or backups by schedule and by command for as long as it lives."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.backup import Backup, Outcome, Plan
from app.agent.failures import IndexUnusable, is_passing
from app.agent.index import Index
from app.agent.index_file import IndexDamaged
from app.agent.left_run import end_left_run
from app.agent.link import Link
from app.agent.polling import Polling
from app.agent.report import Report
from app.agent.retry import Patience
from app.agent.run_journal import BY_OPERATOR
from app.agent.schedule import Schedule
from app.agent.terminal import Terminal, complain
from app.config import AgentSettings
from app.runtime.tasks import Tasks
from app.wire.agent_socket import AgentProgress, Command, CommandAck
from app.wire.http import AgentClient
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.failures import TidewatchError, WrongToken
from streams.model.vocabulary import RunState, RunTrigger

log = structlog.stdlib.get_logger(__name__)

RETRY_S = 300.0
"""After a backup that did not come to its end."""
GREETING_S = 3.0
"""How long a single backup waits for its socket, so that it is seen from its first file on."""
ONCE_PATIENCE_S = 30.0
"""How long a single backup waits for a server that is not there: one that is restarted is soon back."""
LAST_DONE = "last_done_at"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an agent works with."""

    api: Api
    index: Index
    plan: Plan
    settings: AgentSettings
    folder: Path
    client_id: str
    name: str
    terminal: Terminal


class Service:
    """Runs backups of one client, one at a time."""

    def __init__(self, setup: Setup, *, once: bool, now: Callable[[], datetime] = utc_now) -> None:
        self._setup, self._once, self._now = setup, once, now
        self._backup: Backup | None = None
        self._asked: RunTrigger | None = None
        self._wake = asyncio.Event()
        self._link: Link | None = None
        self._polling: Polling | None = None
        self._tasks = Tasks()
        self._refused: TidewatchError | None = None
        """Why the server will not have us, for as long as that is so."""
        self._shut_out = False
        """Whether that was said; we ask again each minute, and the answer is mostly the same."""
        self._plan = setup.plan
        self._report = Report(setup.terminal, setup.name, once=once)

    async def run(self) -> int:
        """Return the exit code: of the one backup, or of a service that cannot go on."""
        tasks = self._tasks
        if self._setup.index.begun_again:
            self._setup.terminal.say(f"{self._setup.index.begun_again} It is begun again.")
        try:
            self._link = await self._connect()
            link = self._link
            tasks.keep(lambda: self._until_refused(link.run), "agent-link")
            if self._once:
                await self._greeting()
                return (await self._back_up(RunTrigger.AGENT)).exit_code
            polling = self._polling = self._polling_beside(link)
            tasks.keep(lambda: self._until_refused(polling.run), "agent-polling")
            return await self._serve()
        finally:
            self._setup.terminal.end()
            await tasks.close()

    async def _connect(self) -> Link:
        """Ask the server for its socket's port; wait for one that is not there yet, once only for a while."""
        setup = self._setup
        backoff = self._backoff()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + ONCE_PATIENCE_S if self._once else float("inf")
        while True:
            try:
                health = await setup.api.health()
                break
            except TidewatchError as error:
                if loop.time() >= give_up_at or (self._once and not is_passing(error)):
                    raise
                if backoff.attempt == 0:
                    setup.terminal.say(f"{error.line()} Trying again.")
            await asyncio.sleep(backoff.next_s())
        exclusions = replace(self._plan.exclusions, server_id=health.server_id)
        self._plan = replace(self._plan, exclusions=exclusions)
        return Link(
            setup.api,
            health.events_port,
            backoff=self._backoff(),
            heartbeat_s=setup.settings.heartbeat_s,
            on_command=self._on_command,
            on_refused=self._on_refused,
            on_greeted=self._on_greeted,
            say=(lambda _: None) if self._once else setup.terminal.say,
        )

    def _polling_beside(self, link: Link) -> Polling:
        setup = self._setup
        return Polling(
            setup.api,
            link,
            every_s=setup.settings.heartbeat_s,
            on_client=self._on_polled,
            on_refused=self._on_refused,
            say=setup.terminal.say,
        )

    @staticmethod
    async def _until_refused(run: Callable[[], Awaitable[None]]) -> None:
        with suppress(WrongToken):
            await run()

    async def _greeting(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GREETING_S):
                await self._reachable()

    def _backoff(self) -> Backoff:
        settings = self._setup.settings
        return Backoff(self._setup.client_id, base_s=settings.backoff_base_s, cap_s=settings.backoff_cap_s)

    def _on_refused(self, error: TidewatchError) -> None:
        if self._once or isinstance(error, WrongToken):
            self._refused = error
            self._wake.set()
        elif self._backup is None and not self._shut_out:
            self._setup.terminal.say(error.line())
        self._shut_out = True
        if self._backup is not None:
            self._backup.abort(error)

    def _on_greeted(self, client: Client) -> None:
        self._shut_out = False
        if self._backup is not None:
            self._backup.greeted()
        elif client.running_run_id is not None and not self._once:
            run_id = client.running_run_id
            self._tasks.keep(
                partial(end_left_run, self._setup.api, self._setup.index, run_id), f"agent-left-run-{run_id}"
            )

    def _on_polled(self, client: AgentClient) -> None:
        """Do what the server has asked for since the last poll, as its socket would have told."""
        backup = self._backup
        if backup is None:
            self._on_greeted(client)
            if client.backup_queued:
                self._ask_for(RunTrigger.OPERATOR)
        elif backup.run_id and client.running_run_id != backup.run_id:
            # Ended by an operator, or by a restart: the backup finds out which, and goes on after the latter.
            backup.greeted()

    def _ask_for(self, trigger: RunTrigger) -> None:
        self._asked = trigger
        self._wake.set()

    def _on_command(self, command: Command) -> CommandAck:
        backup = self._backup
        if command.kind == "cancel":
            if backup is None or command.run_id not in (None, backup.run_id):
                return CommandAck(id=command.id, accepted=False, reason="that backup does not run here")
            backup.cancel(command.reason or BY_OPERATOR)
            return CommandAck(id=command.id, accepted=True)
        if command.kind != "backup":
            return CommandAck(id=command.id, accepted=False, reason=f"unknown command {command.kind!r}")
        if self._once:
            # The backup that this agent was started for is the one that is wished.
            return CommandAck(id=command.id, accepted=True)
        if backup is not None or self._asked is not None:
            return CommandAck(id=command.id, accepted=False, reason="a backup is running already")
        self._ask_for(command.trigger)
        return CommandAck(id=command.id, accepted=True)

    async def _serve(self) -> int:
        schedule = Schedule(self._setup.settings.schedule_s, self._now)
        schedule.begin(await self._last_done())
        while True:
            while self._asked is None and self._refused is None:
                try:
                    async with asyncio.timeout(schedule.wait_s()):
                        await self._wake.wait()
                except TimeoutError:
                    if not schedule.remaining_s():
                        await self._reachable()
                        break
                self._wake.clear()
            self._wake.clear()
            if self._refused is not None:
                complain(self._refused)
                return 2
            trigger, self._asked = self._asked or RunTrigger.SCHEDULE, None
            try:
                outcome = await self._back_up(trigger)
            except Exception:
                # A bug costs this backup; the next one is made when it is due.
                log.exception("backup_failed")
                schedule.postpone(min(RETRY_S, self._setup.settings.schedule_s))
                continue
            if isinstance(outcome.error, WrongToken):
                self._refused = outcome.error
            elif outcome.state in (RunState.COMPLETE, RunState.PARTIAL):
                await asyncio.to_thread(self._setup.index.keep_fact, LAST_DONE, self._now().isoformat())
                schedule.postpone(self._setup.settings.schedule_s)
            elif outcome.state is RunState.CANCELLED:
                schedule.postpone(self._setup.settings.schedule_s)
            else:
                schedule.postpone(min(RETRY_S, self._setup.settings.schedule_s))

    async def _reachable(self) -> None:
        """Wait until the server is there, by socket or HTTP, or something else wants us."""
        events = [self._wake]
        events += [self._link.connected] if self._link is not None else []
        events += [self._polling.answered] if self._polling is not None else []
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _last_done(self) -> datetime | None:
        try:
            last = await asyncio.to_thread(self._setup.index.fact, LAST_DONE)
            moment = datetime.fromisoformat(last or "")
        except (ValueError, IndexUnusable, IndexDamaged) as error:
            log.info("last_backup_unknown", reason=str(error))
            return None
        return moment if moment.tzinfo is not None else None

    async def _back_up(self, trigger: RunTrigger) -> Outcome:
        """Make a backup, and once more where the index turns out to be damaged."""
        outcome = await self._back_up_once(trigger)
        if isinstance(outcome.error, IndexDamaged):
            await asyncio.to_thread(self._setup.index.start_again)
            outcome = await self._back_up_once(trigger)
        return outcome

    async def _back_up_once(self, trigger: RunTrigger) -> Outcome:
        setup = self._setup
        patience = Patience(self._backoff, say=setup.terminal.say if self._once else lambda _: None)
        self._backup = Backup(
            setup.api,
            setup.index,
            self._plan,
            setup.settings,
            patience=patience,
            trigger=trigger,
            folder=setup.folder,
            on_progress=self._on_progress,
            say=setup.terminal.say,
        )
        try:
            if self._refused is not None:
                self._backup.abort(self._refused)
            outcome = await self._backup.run()
        finally:
            self._backup = None
            setup.terminal.end()
        self._report.tell(outcome)
        if outcome.state in (RunState.COMPLETE, RunState.PARTIAL):
            # It was said of this backup; what is gone later is not gone on purpose.
            self._plan = replace(self._plan, gone=())
        return outcome

    def _on_progress(self, progress: AgentProgress) -> None:
        if self._link is not None:
            self._link.progress(progress)
        p = progress
        self._setup.terminal.show(p.files_done, p.files_total, p.bytes_done, p.bytes_total, p.current_path)
