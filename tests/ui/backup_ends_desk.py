"""A page of its own for tests of how forced backups end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import msgspec

from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.vocabulary import RunState, RunTrigger
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.messages import Message
from ui.views.shared.backup_notifications import CHECK_S, BackupEnds, force_backup

BEFORE = 9000
"""The number of the last run before anything was asked for."""


class Desk:
    """What tells of the ends, and the clients and runs that a test makes up."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams, self.commands = FakeStreams(page.now), FakeCommands()
        now = page.now()
        idle = {"running_run_id": None, "backup_queued": False}
        self.streams.clients.fill((msgspec.structs.replace(c, **idle) for c in fleet.clients(now)), now)
        self.view = BackupEnds(streams=self.streams.bag, context=page.context)
        page.mount(self.view)

    def client(self, name: str, **changes: object) -> None:
        row = self.streams.clients.rows[fleet.client_id(name)]
        self.streams.clients.put(msgspec.structs.replace(row, **changes))
        self.page.frame()

    def begin(self, name: str, run_id: int = BEFORE + 1) -> None:
        self.run(name, RunState.RUNNING, run_id)
        self.client(name, running_run_id=run_id, backup_queued=False)

    def run(self, name: str, state: RunState, run_id: int = BEFORE + 1, reason: str | None = None) -> None:
        start = self.page.now() + timedelta(hours=-3)  # the server's clock need not be ours
        run = Run(
            id=run_id,
            client_id=fleet.client_id(name),
            client_name=name,
            trigger=RunTrigger.OPERATOR,
            state=state,
            started_at=start,
            finished_at=start + timedelta(seconds=4) if state.ended else None,
            reason=reason,
            files_new=12,
        )
        earlier = [row for row in self.streams.runs.get(run.client_id, ()) if row.id != run.id]
        rows = sorted([run, *earlier], key=lambda row: -row.id)
        self.streams.runs[run.client_id] = tuple(rows)

    def end(self, name: str, state: RunState, *, run_id: int = BEFORE + 1, reason: str | None = None) -> None:
        self.run(name, state, run_id, reason)
        self.client(name, running_run_id=None, last_run_state=state, last_seen_at=self.page.now())
        self.page.advance(CHECK_S + 0.1)

    async def force(self, done: Sequence[str], queued: Sequence[str] = (), after_run: int = BEFORE) -> None:
        names = {fleet.client_id(name): name for name in (*done, *queued)}
        self.commands.outcome = Outcome(
            done=tuple(fleet.client_id(name) for name in done),
            queued=tuple(fleet.client_id(name) for name in queued),
            after_run=after_run,
        )
        await force_backup(self.commands, self.page.context, names)
        self.page.frame()

    def reload(self) -> None:
        """Leave the page, which stays behind asleep, and open another one."""
        before = self.page.context
        self.view.set_awake(False)
        self.page.context = replace(before)
        self.view = BackupEnds(streams=self.streams.bag, context=self.page.context)
        self.view.key = f"reloaded-{id(before)}"  # here both are on one page
        self.page.mount(self.view)
        self.view.key = BackupEnds(streams=self.streams.bag, context=before).key

    def last(self) -> Message:
        return self.page.context.messages.all[0]

    def said(self) -> list[str]:
        return [message.text for message in reversed(self.page.context.messages.all)]


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """Show it; nothing may have gone wrong by the end."""
    async with PageHarness.open() as page:
        yield Desk(page)
        assert page.reports == []
