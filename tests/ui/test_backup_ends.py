"""How forced backups ended is told, wherever one is by then."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from streams.commands import Outcome
from streams.records.server import Activity
from streams.vocabulary import EventKind, RunState
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.messages import Message
from ui.views.backup_ends import BackupEnds, force_backup

BEFORE = 100


class Desk:
    """What tells of the ends, and the activity that a test makes up."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams, self.commands = FakeStreams(page.now), FakeCommands()
        self.lines: list[Activity] = []
        self.view = BackupEnds(streams=self.streams.bag, context=page.context)
        page.mount(self.view)

    def end(self, name: str, state: RunState, *, seq: int | None = None, reason: str | None = None) -> None:
        line = Activity(
            seq=seq or BEFORE + 1 + len(self.lines),
            at=self.page.now() + timedelta(hours=-3),  # the server's clock need not be ours
            kind=EventKind.RUN_FINISHED,
            client_id=fleet.client_id(name),
            client_name=name,
            run_id=7,
            run_state=state,
            reason=reason,
            files=12,
        )
        self.lines.insert(0, line)
        self.streams.activity.on_next(self.streams.ok(tuple(self.lines)))
        self.page.frame()

    async def force(self, names: Sequence[str]) -> None:
        ids = {fleet.client_id(name): name for name in names}
        self.commands.outcome = Outcome(done=tuple(ids), after_seq=BEFORE)
        await force_backup(self.commands, self.page.context, ids)
        self.page.frame()

    def last(self) -> Message:
        return self.page.context.messages.all[0]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open() as page:
        yield Desk(page)
        assert page.reports == []


async def test_the_end_of_one_is_told_quietly_if_it_is_good(desk: Desk) -> None:
    await desk.force(["web-01"])
    assert desk.last().text == "Backup started for web-01"
    desk.end("web-02", RunState.FAILED)
    desk.end("web-01", RunState.COMPLETE)
    assert desk.last().text == "web-01 backed up, 12 files"
    assert not desk.last().stays
    assert len(desk.page.context.messages.all) == 2


async def test_a_failure_stays_and_leads_to_the_log_lines_of_its_run(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.end("web-01", RunState.FAILED, reason="disk full at client")
    message = desk.last()
    assert message.text == "Backup of web-01 failed, 12 files: disk full at client"
    assert message.stays
    assert message.run_id == 7


async def test_several_are_told_of_together(desk: Desk) -> None:
    await desk.force(["web-01", "web-02", "web-03"])
    desk.end("web-01", RunState.COMPLETE)
    desk.end("web-02", RunState.FAILED, reason="disk full at client")
    assert desk.last().text == "Backup started for 3 clients"
    desk.end("web-03", RunState.COMPLETE)
    assert desk.last().text == "3 backups ended: 2 complete, 1 failed"
    assert desk.last().detail == "web-02: disk full at client"
    assert desk.last().stays


async def test_one_that_ended_before_it_was_asked_for_is_not_taken_for_it(desk: Desk) -> None:
    desk.end("web-01", RunState.FAILED, seq=BEFORE)
    await desk.force(["web-01"])
    assert desk.last().text == "Backup started for web-01"


async def test_it_looks_only_while_a_backup_is_waited_for(desk: Desk) -> None:
    assert not desk.streams.activity.observers
    await desk.force(["web-01"])
    assert desk.streams.activity.observers
    desk.end("web-01", RunState.PARTIAL, reason="2 files could not be read")
    assert not desk.streams.activity.observers
    assert not desk.last().stays
