"""Numbers of the Database view: the same everywhere, and nothing left out unsaid."""

from collections.abc import AsyncIterator

import flet as ft
import pytest
from msgspec.structs import replace

from streams.model.database import ColumnInfo, TableInfo
from streams.model.database_state import Part
from streams.model.failures import Failure
from tests.ui import fake_database
from tests.ui.database_desk import Desk, open_desk
from tests.ui.fake_database import CLIENTS
from ui.base.format import Formatter
from ui.base.schemes import STALE_THEME
from ui.views.database.statistics import index_bars, row_bars, size_bars

LONG = "should_show_on_prominent_ui_surfaces_of_every_kind"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def _say_of_clients(desk: Desk, **parts: object) -> None:
    """Let the outline come again, with something else about the first table."""
    known = desk.database.outline.value.value
    assert known is not None
    tables = (replace(CLIENTS, **parts), *known.tables[1:])
    desk.database.outline.on_next(desk.database.ok(replace(known, tables=tables)))
    await desk.page.settle()


async def test_head_and_foot_of_a_table_tell_the_same_count_when_others_write(desk: Desk) -> None:
    await desk.fill()
    await _say_of_clients(desk, rows=9_999, capped=False)
    texts = desk.page.texts(desk.view._data)
    assert "9,999 rows" in texts
    assert any(text.endswith(" of 9,999") for text in texts)


async def test_an_exact_count_is_told_as_one_of_then_once_others_have_written(desk: Desk) -> None:
    await desk.fill()
    count = desk.view._data._count
    await desk.page.fire(count.button, "click")
    await desk.page.settle()
    assert "123,456 rows" in desk.page.texts()
    await _say_of_clients(desk)
    assert "123,456 rows when counted" in desk.page.texts()
    assert count.button.visible
    await desk.page.fire(count.button, "click")
    await desk.page.settle()
    assert "123,456 rows" in desk.page.texts()
    assert not count.button.visible


async def test_a_small_table_is_counted_again_by_itself(desk: Desk) -> None:
    await desk.fill()
    await desk.page.fire(desk.view._data._count.button, "click")
    await desk.page.settle()
    await _say_of_clients(desk, rows=12, capped=False)
    assert "12 rows" in desk.page.texts(desk.view._data)
    assert not desk.view._data._count.button.visible


def _tables(count: int, rows: int) -> list[TableInfo]:
    return [TableInfo(name=f"t{i:02}", rows=rows) for i in range(count)]


def test_what_the_bars_leave_out_is_told_and_none_is_as_long_as_what_is_larger() -> None:
    rows = row_bars(_tables(20, 5), most=16)
    assert [(bar.name, bar.value) for bar in rows[-2:]] == [("t15", "5"), ("4 more", "20")]
    assert (rows[0].ratio, rows[-1].ratio) == (1.0, 0.0)
    parts = tuple(
        Part(name=f"{kind}{i:02}", table=f"t{i:02}", size_bytes=4096) for i in range(20) for kind in "ti"
    )
    statistics = replace(fake_database.statistics(), parts=parts)
    sizes = size_bars(statistics, Formatter(), most=16)
    assert (sizes[-1].name, sizes[-1].value, sizes[-1].ratio) == ("4 more", "32.0 KiB", 0.0)
    assert sizes[0].ratio + sizes[0].second == 1.0
    indexes = index_bars(statistics, Formatter(), most=16)
    assert (indexes[-1].name, indexes[-1].value, indexes[-1].second) == ("4 more", "16.0 KiB", 0.0)
    assert not row_bars([])


async def test_a_long_name_of_a_column_is_shown_whole(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("structure")
    await _say_of_clients(desk, columns=(*CLIENTS.columns, ColumnInfo(name=LONG, type="BOOLEAN")))
    line = desk.page.find(ft.Text, desk.view._structure, value=LONG)
    row = next(r for r in desk.page.find_all(ft.Row, desk.view._structure) if line in r.controls)
    assert row.height is None  # else its second line would stand out of its row
    assert not line.no_wrap


async def test_a_trouble_tells_since_when_leads_to_its_log_lines_and_stands_alone(desk: Desk) -> None:
    asked: list[object] = []
    desk.view._trouble._log_of = lambda at: lambda: asked.append(at)
    failure = Failure(code="database_damaged", message="why", since=desk.page.now())
    desk.database.fail(failure)
    await desk.page.settle()
    desk.page.advance(7)
    await desk.page.settle()
    assert "Failing for 7 s." in desk.page.texts(desk.view._trouble.control)
    assert not desk.view._box.visible  # under it, its buttons were still reached by keys
    await desk.page.fire(
        desk.page.find(ft.TextButton, desk.view._trouble.control, content="Show log"), "click"
    )
    assert asked == [failure.since]
    await desk.fill()
    assert desk.view._box.visible


async def test_what_is_wrong_is_said_in_full_ink_above_data_that_is_dimmed(desk: Desk) -> None:
    await desk.fill()
    desk.database.fail(Failure(code="database_locked", message="why", since=desk.page.now()))
    await desk.page.settle()
    desk.page.advance(2)
    await desk.page.settle()
    assert desk.view._banner.control.visible and desk.view._box._slot.theme is STALE_THEME
    assert desk.view._banner.control not in list(desk.page.walk(desk.view._box))
