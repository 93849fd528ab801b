"""Forced backups are followed from their begin to their end."""

from collections.abc import AsyncIterator

import pytest

from streams.model.vocabulary import ClientState, RunState
from tests.ui import fleet
from tests.ui.backup_ends_desk import BEFORE, Desk, open_desk
from ui.views.shared.backup_notifications import CHECK_S


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


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
