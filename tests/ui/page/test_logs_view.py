"""The log view on a real page, with a log that a test holds."""

from collections.abc import AsyncIterator
from datetime import timedelta

import flet as ft
import pytest

from streams.model.logs import LogFilter
from streams.model.vocabulary import LogLevel, LogSource
from tests.ui.fake_commands import FakeCommands
from tests.ui.harness import NOON
from tests.ui.log_desk import Desk, open_desk
from ui.base.context import Place
from ui.base.format import Formatter
from ui.views.logs.present import Volume
from ui.views.logs.view import LogsView
from ui.views.logs.volume import VolumeBars


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_the_newest_lines_are_at_the_end_and_it_follows(desk: Desk) -> None:
    assert desk.rows()[-1].startswith(desk.logs.past[-1].message)
    desk.say("hello")
    assert desk.rows()[-1] == "hello"
    assert len(desk.view._board.list.rows) < 30, "a pool of rows, not one for each line"
    assert desk.has("501 lines")


async def test_it_stands_still_when_scrolled_and_counts_what_comes(desk: Desk) -> None:
    await desk.wheel(-260)
    before = desk.rows()
    for _ in range(3):
        desk.say("more")
    assert desk.rows() == before
    assert desk.has("3 new")
    await desk.click(desk.view._board.notes.pill)
    assert desk.rows()[-1] == "more" and not desk.has("3 new")


async def test_scrolling_to_the_end_follows_again(desk: Desk) -> None:
    await desk.wheel(-260)
    desk.say("new")
    await desk.wheel(5000)
    assert desk.rows()[-1] == "new"
    assert not desk.view._board.held.paused


async def test_paused_by_hand_stays_paused_at_the_end(desk: Desk) -> None:
    await desk.click(desk.view._filters._pause)
    desk.say("new")
    await desk.wheel(5000)
    assert desk.rows()[-1] != "new" and desk.has("1 new")
    await desk.click(desk.view._filters._pause)
    assert desk.rows()[-1] == "new"


async def test_a_late_line_is_sorted_in(desk: Desk) -> None:
    desk.say("after")
    desk.logs.say(desk.line(message="before", fields={}, ago_s=0.3, source=LogSource.CONSOLE))
    desk.pass_s(0.2)
    assert desk.rows()[-2:] == ["before", "after"]


async def test_older_lines_come_above_and_nothing_moves(desk: Desk) -> None:
    await desk.wheel(-26 * 470)
    assert desk.logs.asked_older == 1
    top = desk.view._board.held.lines[desk.view._board.list.window.offset]
    assert len(desk.view._board.held.lines) == 1000
    known = [line for line in desk.logs.past if line.level is not LogLevel.DEBUG]
    assert top is known[-500:][desk.view._board.list.window.offset - 500]
    await desk.wheel(-26 * 5000)
    assert desk.logs.asked_older == 2


async def test_levels_and_sources_ask_for_other_lines(desk: Desk) -> None:
    await desk.click(desk.view._filters._levels._boxes["info"])
    await desk.click(desk.view._filters._sources._boxes["database"])
    wanted = desk.logs.filters[-1]
    assert wanted.levels == {LogLevel.WARNING, LogLevel.ERROR}
    assert wanted.sources == {LogSource.CONSOLE, LogSource.SERVER, LogSource.AUDIT}
    assert set(desk.rows()) == {
        "run finished  client=mail-gw run=8809 state=failed reason=disk full at client"
    }


async def test_what_is_searched_for_is_marked(desk: Desk) -> None:
    desk.view._filters._on_search("/mail-\\w+/")
    desk.pass_s(0.2)
    row = desk.view._board.list.rows[0]
    marked = [span.text for span in row._message.spans if span.style is not None and span.style.bgcolor]
    assert marked == ["mail-gw"]


async def test_a_wrong_expression_is_refused_at_the_field(desk: Desk) -> None:
    asked = len(desk.logs.filters)
    desk.view._filters._on_search("/(/")
    desk.pass_s(0.2)
    assert desk.has("Not an expression")
    assert len(desk.logs.filters) == asked
    desk.view._filters._on_search("mail")
    desk.pass_s(0.2)
    assert not desk.has("Not an expression")


async def test_a_wrong_expression_leaves_the_keyboard_in_the_field(desk: Desk) -> None:
    field = desk.view._filters._search.control
    for text in ("/(/", "mail"):  # a tooltip that comes or goes has the client build the field anew
        desk.view._filters._on_search(text)
        desk.pass_s(0.2)
        assert field.tooltip is None


async def test_the_number_of_a_run_stands_as_it_does_in_its_lines(desk: Desk) -> None:
    desk.view.arrive("run:8809")
    desk.pass_s(0.2)
    assert desk.has("run 8809")


async def test_nothing_is_to_be_followed_where_there_is_no_line(desk: Desk) -> None:
    desk.view._on_pause()
    desk.page.frame()
    pill = desk.view._board.notes.pill
    assert pill.visible
    desk.view._on_filter(LogFilter(text="no such words"))
    desk.pass_s(0.2)
    assert desk.has("No line matches")
    assert not pill.visible
    desk.say("no such words until now")
    assert pill.visible


async def test_nothing_found_offers_a_way_back(desk: Desk) -> None:
    desk.view._filters._on_search("no such thing")
    desk.pass_s(0.2)
    assert desk.has("No line matches")
    await desk.click(desk.page.find(ft.TextButton, content="Show all lines"))
    assert len(desk.rows()) > 10


async def test_a_line_leads_to_its_client_and_its_run(desk: Desk) -> None:
    desk.logs.say(desk.line(0))
    desk.pass_s(0.2)
    row = [row for row in desk.view._board.list.rows if row.control.visible][-1]
    await desk.click(row.control)
    assert desk.view._board.held.paused, "what is read does not move"
    assert desk.has("Client web-03")
    buttons = desk.page.find_all(ft.TextButton, desk.view._details.control)
    await desk.click(next(b for b in buttons if "Client web-03" in desk.page.texts(b)))
    assert desk.places == [Place("clients", "client:id-web-03")]
    await desk.click(next(b for b in buttons if "Lines of run 8812" in desk.page.texts(b)))
    assert desk.logs.filters[-1].run_id == 8812
    assert all("run=8812" in row for row in desk.rows())


async def test_arriving_from_a_client_shows_its_lines_and_names_it(desk: Desk) -> None:
    desk.view.arrive("client:id-web-03")
    desk.pass_s(0.2)
    assert desk.has("client web-03")
    assert all("web-03" in row for row in desk.rows())
    close = next(b for b in desk.page.find_all(ft.IconButton) if "Show all again" in str(b.tooltip))
    await desk.click(close)
    assert desk.logs.filters[-1].client_id is None


async def test_a_client_is_named_where_none_of_its_lines_is_kept(desk: Desk) -> None:
    desk.view.arrive("client:0123456789abcdef:ben:laptop")
    desk.pass_s(0.2)
    assert desk.logs.filters[-1].client_id == "0123456789abcdef"
    assert desk.rows() == []
    assert desk.has("client ben:laptop")
    assert desk.has("No line matches these filters. Those of long ago are no longer kept.")


async def test_arriving_at_a_time_shows_it_and_stands_still(desk: Desk) -> None:
    moment = desk.page.now() - timedelta(seconds=2000)
    desk.view.arrive(f"at:{moment.isoformat()}")
    desk.pass_s(0.5)
    shown = desk.view._board.held.lines[desk.view._board.list.window.offset]
    assert abs((shown.at - moment).total_seconds()) < 3
    assert desk.view._board.held.paused
    assert desk.has("up to ")
    await desk.click(desk.view._board.notes.pill)
    assert desk.logs.filters[-1].until is None


async def test_dropped_lines_are_counted_and_shown(desk: Desk) -> None:
    desk.logs.say(dropped=1200)
    desk.logs.say(dropped=34)
    desk.pass_s(0.2)
    assert desk.has("1,234 lines dropped")


async def test_the_bars_count_what_is_filtered(desk: Desk) -> None:
    assert "500 lines" in str(desk.view._board.volume._named.value)
    desk.view._filters._on_search("mail-gw")
    desk.pass_s(0.2)
    said = str(desk.view._board.volume._named.value)
    assert "500 lines" not in said and "0 warnings" in said


async def test_the_bars_lead_to_their_lines(desk: Desk) -> None:
    bars = desk.view._board.volume
    bars._size = (800.0, 40.0)
    event = type("Event", (), {"local_position": ft.Offset(400, 5)})()
    bars._on_tap(event)  # type: ignore[arg-type]
    desk.pass_s(0.2)
    offset = desk.view._board.list.window.offset
    assert 150 < offset < 350
    assert desk.view._board.held.paused


async def test_an_export_has_every_line_that_is_filtered_and_the_filter(desk: Desk) -> None:
    saved = desk.page.browser.files
    desk.view._filters._on_search("mail-gw")
    wanted = desk.view._filters.value
    told = await desk.view._export.save(wanted, "txt", desk.page.now())
    text = saved[0][1].decode()
    matching = sum("mail-gw" in line.fields.get("client", "") for line in desk.logs.past)
    assert matching > 100 and text.count("disk full at client") == matching
    assert saved[0][0].startswith("tidewatch-log-mail-gw-") and saved[0][0].endswith(".txt")
    assert "# text: mail-gw" in text and "# levels: info, warning, error" in text
    assert told is not None and f"{matching}" in told.replace(",", "")
    await desk.view._export.save(LogFilter(), "jsonl", desk.page.now())
    head, first = saved[1][1].splitlines()[:2]
    assert b'"export"' in head and b'"filter"' in head and b'"message"' in first


async def test_one_line_is_no_lines(desk: Desk) -> None:
    del desk.logs.past[1:]
    told = await desk.view._export.save(LogFilter(), "txt", desk.page.now())
    assert told is not None and told.startswith("1 line is in ")
    bars = VolumeBars(Formatter(), lambda _at: None)
    bars.show(Volume(since=NOON, step_s=60.0, counts=((0, 0, 1),)))
    assert bars._named.value == "1 line, 0 warnings, 1 error"


async def test_the_filter_is_remembered(desk: Desk) -> None:
    desk.view._filters._on_search("mail")
    await desk.click(desk.view._filters._levels._boxes["info"])
    again = LogsView(streams=desk.streams.bag, commands=FakeCommands(), context=desk.page.context)
    assert again._filters.value.text == "mail"
    assert again._filters.value.levels == {LogLevel.WARNING, LogLevel.ERROR}


async def test_a_pause_is_remembered_and_the_p_key_ends_it(desk: Desk) -> None:
    key = ft.KeyboardEvent(
        name="keyboard_event", control=desk.page.page, key="P", shift=False, ctrl=False, alt=False, meta=False
    )
    assert desk.view.on_key(key) and desk.view._board.held.by_hand
    again = LogsView(streams=desk.streams.bag, commands=FakeCommands(), context=desk.page.context)
    assert again._board.held.paused
    assert desk.view.on_key(key) and not desk.view._board.held.paused


async def test_a_line_that_is_longer_than_its_row_ends_with_an_ellipsis(desk: Desk) -> None:
    desk.say("x" * 90)
    lines = desk.view._board.list
    lines.resize(520, 1100)
    assert desk.rows()[-1] == "x" * 90
    lines.resize(520, 700)
    shown = desk.rows()[-1]
    assert shown.endswith("x…")
    assert 40 < len(shown) < 60
