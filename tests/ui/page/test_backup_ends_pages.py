"""Ends of forced backups are told on the page that is looked at, whichever that is by then."""

from collections.abc import AsyncIterator

import pytest

from streams.model.outcome import Outcome
from streams.model.vocabulary import RunState
from tests.ui import fleet
from tests.ui.backup_ends_desk import BEFORE, Desk, open_desk
from ui.views.shared.backup_notifications import CHECK_S


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


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
