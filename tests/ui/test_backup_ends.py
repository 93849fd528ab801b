"""How forced backups began and ended is told, wherever one is by then."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from streams.commands import Outcome
from streams.records.runs import Run
from streams.vocabulary import ClientState, RunState, RunTrigger
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.messages import Message
from ui.views.backup_ends import CHECK_S, BackupEnds, force_backup

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


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open() as page:
        yield Desk(page)
        assert page.reports == []


async def test_the_end_of_one_is_told_quietly_if_it_is_good(desk: Desk) -> None:
    await desk.force(["web-01"])
    assert desk.last().text == "Backup started for web-01"
    desk.begin("web-01")
    desk.end("web-02", RunState.FAILED)
    desk.end("web-01", RunState.COMPLETE)
    assert desk.last().text == "web-01 backed up, 12 files, 0 B, 4 s"
    assert not desk.last().stays
    assert len(desk.page.context.messages.all) == 2


async def test_a_failure_stays_and_leads_to_the_log_lines_of_its_run(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.begin("web-01")
    desk.end("web-01", RunState.FAILED, reason="disk full at client")
    message = desk.last()
    assert message.text == "Backup of web-01 failed, 12 files, 0 B, 4 s: disk full at client"
    assert message.stays
    assert message.run_id == BEFORE + 1


async def test_several_are_told_of_together(desk: Desk) -> None:
    await desk.force(["web-01", "web-02", "web-03"])
    desk.end("web-01", RunState.COMPLETE)
    desk.end("web-02", RunState.FAILED, run_id=BEFORE + 2, reason="disk full at client")
    desk.end("web-03", RunState.COMPLETE, run_id=BEFORE + 3)
    assert desk.said() == ["Backup started for 3 clients", "3 backups ended: 2 complete, 1 failed"]
    assert desk.last().detail == "web-02: disk full at client"
    assert desk.last().stays


async def test_how_far_several_are_stands_in_the_centre_until_all_have_ended(desk: Desk) -> None:
    await desk.force(["web-01", "web-02", "web-03", "web-04", "web-05"])
    desk.begin("web-01")
    desk.page.advance(CHECK_S + 0.1)
    assert desk.said() == ["Backup started for 5 clients"]
    desk.end("web-01", RunState.COMPLETE)
    assert desk.said() == ["Backup started for 5 clients", "1 of 5 backed up"]
    number = desk.last().number
    assert desk.last().quiet  # the dashboard shows each that runs; nobody is called for this
    desk.end("web-02", RunState.FAILED, run_id=BEFORE + 2, reason="disk full at client")
    desk.end("web-03", RunState.COMPLETE, run_id=BEFORE + 3)
    desk.streams.clients.remove(fleet.client_id("web-04"))
    desk.page.frame()
    assert desk.said()[1:] == ["2 of 5 backed up, 1 failed, 1 left out"]
    assert desk.last().detail == (
        "web-02: disk full at client\nweb-04: it was removed before its backup had ended"
    )
    assert desk.last().number == number
    desk.end("web-05", RunState.COMPLETE, run_id=BEFORE + 5)
    assert desk.said()[1:] == ["4 backups ended: 3 complete, 1 failed"]


async def test_how_far_they_are_is_not_said_again_once_it_was_cleared(desk: Desk) -> None:
    await desk.force(["web-01", "web-02", "web-03"])
    desk.end("web-01", RunState.COMPLETE)
    desk.page.context.messages.clear()
    desk.end("web-02", RunState.COMPLETE, run_id=BEFORE + 2)
    assert desk.said() == []
    desk.end("web-03", RunState.COMPLETE, run_id=BEFORE + 3)
    assert desk.said() == ["3 backups ended: 3 complete"]


async def test_one_that_ended_before_it_was_asked_for_is_not_taken_for_it(desk: Desk) -> None:
    desk.end("web-01", RunState.FAILED, run_id=BEFORE)
    await desk.force(["web-01"])
    desk.page.advance(CHECK_S + 0.1)
    assert desk.last().text == "Backup started for web-01"


async def test_one_that_ended_while_it_was_asked_for_is_told(desk: Desk) -> None:
    desk.end("web-01", RunState.COMPLETE)
    await desk.force(["web-01"])
    desk.page.advance(CHECK_S + 0.1)
    assert desk.last().text == "web-01 backed up, 12 files, 0 B, 4 s"


async def test_of_several_runs_since_the_first_is_the_one_that_was_asked_for(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.view.set_awake(False)
    desk.end("web-01", RunState.FAILED, reason="disk full at client")
    desk.end("web-01", RunState.COMPLETE, run_id=BEFORE + 9)
    desk.view.set_awake(True)
    desk.page.advance(CHECK_S + 0.1)
    assert desk.last().text == "Backup of web-01 failed, 12 files, 0 B, 4 s: disk full at client"


async def test_an_end_that_was_slept_through_is_told_on_waking(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.begin("web-01")
    desk.view.set_awake(False)
    desk.end("web-01", RunState.COMPLETE)
    desk.page.advance(3600)
    assert len(desk.said()) == 1
    desk.view.set_awake(True)
    desk.page.advance(CHECK_S + 0.1)
    assert desk.last().text == "web-01 backed up, 12 files, 0 B, 4 s"


async def test_one_that_is_queued_is_told_of_when_it_begins_and_when_it_ends(desk: Desk) -> None:
    desk.client("web-06", state=ClientState.OFFLINE, backup_queued=True)
    await desk.force([], ["web-06"])
    desk.page.advance(7200)
    assert desk.said() == ["Queued for web-06 until it is back"]
    desk.client("web-06", state=ClientState.ONLINE)
    desk.begin("web-06")
    assert desk.last().text == "web-06 is back and began its backup"
    desk.end("web-06", RunState.COMPLETE)
    assert desk.said()[2:] == ["web-06 backed up, 12 files, 0 B, 4 s"]


async def test_those_that_are_queued_keep_no_others_waiting(desk: Desk) -> None:
    desk.client("web-06", state=ClientState.OFFLINE, backup_queued=True)
    await desk.force(["web-01"], ["web-06"])
    desk.end("web-01", RunState.COMPLETE)
    assert desk.last().text == "web-01 backed up, 12 files, 0 B, 4 s"


async def test_a_client_that_is_removed_is_waited_for_no_more(desk: Desk) -> None:
    await desk.force(["web-01", "web-02"])
    desk.end("web-01", RunState.COMPLETE)
    desk.streams.clients.remove(fleet.client_id("web-02"))
    desk.page.frame()
    assert desk.last().text == "1 backup ended: 1 complete"
    assert desk.last().detail == "web-02: it was removed before its backup had ended"
    assert not desk.streams.clients.looked_at


async def test_one_whose_token_is_revoked_meanwhile_is_waited_for_no_more(desk: Desk) -> None:
    desk.client("web-06", state=ClientState.OFFLINE, backup_queued=True)
    await desk.force([], ["web-06"])
    desk.client("web-06", state=ClientState.REVOKED, backup_queued=False)
    desk.page.advance(CHECK_S + 0.1)
    assert desk.last().text == "No backup of web-06: its token was revoked"
    assert not desk.streams.clients.looked_at


async def test_it_looks_only_while_a_backup_is_waited_for(desk: Desk) -> None:
    assert not desk.streams.clients.looked_at
    await desk.force(["web-01"])
    assert desk.streams.clients.looked_at
    desk.end("web-01", RunState.PARTIAL, reason="2 files could not be read")
    assert not desk.streams.clients.looked_at
    assert not desk.last().stays


async def test_a_page_that_is_loaded_anew_tells_the_end(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.begin("web-01")
    desk.reload()
    assert desk.said() == []
    desk.end("web-01", RunState.COMPLETE)
    assert desk.said() == ["web-01 backed up, 12 files, 0 B, 4 s"]


async def test_an_end_that_came_while_no_page_was_there_is_told_by_the_next_one(desk: Desk) -> None:
    await desk.force(["web-01"])
    desk.view.set_awake(False)
    desk.end("web-01", RunState.FAILED, reason="disk full at client")
    desk.page.advance(3600)
    desk.reload()
    desk.page.advance(CHECK_S + 0.1)
    assert desk.said() == ["Backup of web-01 failed, 12 files, 0 B, 4 s: disk full at client"]


async def test_a_page_that_comes_back_after_another_has_come_tells_nothing_twice(desk: Desk) -> None:
    await desk.force(["web-01"])
    before, first = desk.page.context, desk.view
    desk.reload()
    first.set_awake(True)
    desk.end("web-01", RunState.COMPLETE)
    told = [m.text for m in (*before.messages.all, *desk.page.context.messages.all)]
    assert told == ["Backup started for web-01", "web-01 backed up, 12 files, 0 B, 4 s"]


async def test_how_far_they_are_goes_on_where_it_is_seen_and_is_taken_back_where_it_was(desk: Desk) -> None:
    await desk.force(["web-01", "web-02", "web-03"])
    desk.end("web-01", RunState.COMPLETE)
    before = desk.page.context
    desk.reload()
    desk.page.advance(CHECK_S + 0.1)
    assert [message.text for message in before.messages.all] == ["Backup started for 3 clients"]
    desk.page.frame()
    assert desk.said() == ["1 of 3 backed up"]
    desk.end("web-02", RunState.COMPLETE, run_id=BEFORE + 2)
    desk.end("web-03", RunState.COMPLETE, run_id=BEFORE + 3)
    assert desk.said() == ["3 backups ended: 3 complete"]


async def test_of_two_pages_the_other_goes_on_when_one_is_left(desk: Desk) -> None:
    first = desk.view
    before = desk.page.context
    desk.reload()
    first.set_awake(True)
    await desk.force(["web-01"])
    desk.view.set_awake(False)
    desk.end("web-01", RunState.COMPLETE)
    assert before.messages.all[0].text == "web-01 backed up, 12 files, 0 B, 4 s"
    assert desk.said() == ["Backup started for web-01"]


async def test_an_order_that_is_answered_after_its_page_was_left_is_told_by_the_next_one(desk: Desk) -> None:
    before = desk.page.context
    desk.reload()
    outcome = Outcome(done=(fleet.client_id("web-01"),), after_run=BEFORE)
    before.follow_backups(outcome)
    desk.page.frame()
    desk.end("web-01", RunState.COMPLETE)
    assert desk.said() == ["web-01 backed up, 12 files, 0 B, 4 s"]


async def test_of_two_pages_that_look_the_same_the_one_that_is_left_goes(desk: Desk) -> None:
    first, before = desk.view, desk.page.context
    desk.reload()
    desk.view.set_awake(False)
    first.set_awake(True)
    desk.view.set_awake(True)
    await desk.force(["web-01"])
    assert desk.view == first
    desk.view.set_awake(False)
    desk.end("web-01", RunState.COMPLETE)
    assert before.messages.all[0].text == "web-01 backed up, 12 files, 0 B, 4 s"


async def test_what_a_client_was_when_its_backup_ended_says_nothing_of_the_next_one(desk: Desk) -> None:
    await desk.force(["web-01", "web-02"])
    desk.run("web-01", RunState.FAILED)
    desk.client("web-01", state=ClientState.REVOKED)
    desk.page.advance(CHECK_S + 0.1)
    desk.client("web-01", state=ClientState.ONLINE)
    await desk.force(["web-01"], after_run=BEFORE + 1)
    desk.begin("web-01", BEFORE + 5)
    desk.page.advance(CHECK_S + 0.1)
    desk.end("web-01", RunState.COMPLETE, run_id=BEFORE + 5)
    assert desk.last().text == "web-01 backed up, 12 files, 0 B, 4 s"
