"""The database view on a real page, with a database that a test holds."""

from collections.abc import AsyncIterator
from typing import Any

import flet as ft
import msgspec
import pytest
from msgspec.structs import replace

from streams.model.database import (
    ColumnFilter,
    Direction,
    FilterKind,
    Outline,
    PageQuery,
    TableInfo,
)
from streams.model.failures import Failure
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from tests.ui import fake_database
from tests.ui.database_desk import Desk, open_desk
from tests.ui.fake_database import CLIENTS, page_of
from ui.base.format import Formatter
from ui.components.data_table.pager import Turn
from ui.views.database.health import present_facts


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_tables_with_their_rows_and_sizes(desk: Desk) -> None:
    await desk.fill()
    texts = desk.page.texts(desk.view._list.control)
    assert texts[:4] == ["Tables (3)", "clients", "10,000+", "2.6 MiB"]
    assert "catalogue.db  ·  3.6 MiB\nread on this machine" in texts


async def test_a_database_that_the_server_reads_is_said_to_be_one(desk: Desk) -> None:
    outline = Outline(path="/srv/c.db", size_bytes=4096, tables=(CLIENTS,), own=True, read_by="nas:1256")
    desk.database.outline.on_next(desk.database.ok(outline))
    await desk.page.settle()
    foot = desk.page.find(ft.Text, value="c.db  ·  4.0 KiB\nread by the server nas:1256")
    assert foot.tooltip == "/srv/c.db, read by the server nas:1256: Tidewatch's own catalogue"


async def test_a_foreign_database_is_said_to_be_one(desk: Desk) -> None:
    outline = Outline(path="/home/me/places.sqlite", size_bytes=4096, tables=(CLIENTS,), own=False)
    desk.database.outline.on_next(desk.database.ok(outline))
    await desk.page.settle()
    assert any("foreign" in text for text in desk.page.texts())


async def test_secrets_are_masked_and_cannot_be_sorted_or_filtered(desk: Desk) -> None:
    await desk.fill()
    assert "••••••" in desk.page.texts()
    choices = desk.view._data._filter._columns._choices
    assert "token_hash" not in choices
    table = desk.view._data._grid.table
    assert table is not None
    assert not next(c for c in table._columns.values() if c.label == "token_hash").sortable


async def test_pages_sorting_and_filtering_are_asked_of_the_database(desk: Desk) -> None:
    await desk.fill()
    data = desk.view._data
    assert desk.query == PageQuery(table="clients")
    for turn, direction in (
        (Turn.NEXT, Direction.AFTER),
        (Turn.PREVIOUS, Direction.BEFORE),
        (Turn.LAST, Direction.LAST),
        (Turn.FIRST, Direction.FIRST),
    ):
        await desk.page.fire(data._pager._buttons[turn], "click")
        assert desk.query.direction is direction
        if turn is Turn.LAST:
            assert "The last 100 rows of 10,000+" in desk.page.texts()
    data._on_sort("size", True)
    await desk.page.settle()
    assert (desk.query.sort, desk.query.descending, desk.query.direction) == ("size", True, Direction.FIRST)
    wanted = ColumnFilter(column="name", kind=FilterKind.EQUALS, text="x")
    data._on_filter(wanted)
    await desk.page.settle()
    assert (desk.query.filter, desk.query.sort) == (wanted, "size")


async def test_what_others_change_is_marked_for_a_while(desk: Desk) -> None:
    await desk.fill()
    asked = desk.query
    desk.database.answers[-1].on_next(desk.database.ok(page_of(asked, touched={1: 7})))
    await desk.page.settle()
    assert "1 row just changed" in desk.page.texts()
    marked = desk.page.find(ft.Text, desk.view._data, value="7")
    color = marked.color
    desk.page.advance(7)
    await desk.page.settle()
    assert "1 row just changed" not in desk.page.texts()
    assert marked.color != color


async def test_the_exact_count_is_asked_for(desk: Desk) -> None:
    await desk.fill()
    await desk.page.fire(desk.view._data._count.button, "click")
    await desk.page.settle()
    assert "123,456 rows" in desk.page.texts()
    assert not desk.view._data._count.button.visible
    assert any(text.endswith(" of 123,456") for text in desk.page.texts())  # at the foot of the table too


async def test_another_table_and_its_structure(desk: Desk) -> None:
    await desk.fill()
    desk.view.open_table("sizes")
    await desk.page.settle()
    assert desk.query.table == "sizes"
    desk.view.arrive("table:clients")
    await desk.tab("structure")
    texts = desk.page.texts(desk.view._structure)
    assert "secret, never read" in texts
    assert "sizes (id)" in texts
    assert CLIENTS.sql in texts


async def test_a_row_opens_beside_the_table(desk: Desk) -> None:
    await desk.fill()
    data = desk.view._data
    assert data._grid.table is not None
    await data._grid.table._on_click(2)
    await desk.page.settle()
    assert "clients 2" in desk.page.texts(data._panel)
    assert "secret, never read" in desk.page.texts(data._panel)
    data._on_close()
    await desk.page.settle()
    assert not data._panel.visible


async def test_statistics_and_health(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("statistics")
    texts = desk.page.texts()
    assert "by_name" in texts
    assert any("934 pages" in text for text in texts)
    await desk.tab("health")
    texts = desk.page.texts()
    assert "tidewatch (812) writing" in texts
    assert "SELECT * FROM clients" in texts
    health = desk.view._tabs["health"]
    await desk.page.fire(desk.page.find(ft.OutlinedButton, health, content="Check now"), "click")
    await desk.page.settle()
    assert any("No problem found" in text for text in desk.page.texts())


@pytest.mark.parametrize(
    ("file_pages", "expected"),
    [
        (141, "564 KiB"),
        (46, "564 KiB, 380 KiB of it only in the log"),
        (166, "564 KiB, in a file of 664 KiB until the next checkpoint"),
    ],
)
def test_the_size_is_that_of_all_pages_and_says_which_are_in_the_log(file_pages: int, expected: str) -> None:
    state = replace(fake_database.health(), page_count=141, size_bytes=file_pages * 4096)
    told = present_facts(state, Formatter())
    assert (told["size"], told["pages"]) == (expected, "141 of 4.0 KiB")


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("database_not_configured", "No database is configured"),
        ("database_missing", "The database file is not there"),
        ("database_locked", "Another program holds the database"),
        ("database_empty", "The file is empty"),
        ("database_damaged", "The database is damaged"),
        ("database_encrypted", "The file is encrypted"),
        ("not_a_database", "That is no SQLite database"),
    ],
)
async def test_each_trouble_has_its_words_and_goes_away(desk: Desk, code: str, title: str) -> None:
    failure = Failure(code=code, message="why", hint="what to do", since=desk.page.now())
    desk.database.fail(failure)
    await desk.page.settle()
    assert {title, "why"} <= set(desk.page.texts())
    await desk.fill()
    assert title not in desk.page.texts()
    desk.database.fail(failure)  # now there is something to go on showing
    await desk.page.settle()
    assert "clients" in desk.page.texts()
    assert any(text.startswith(f"{title}, for") for text in desk.page.texts())


@pytest.mark.parametrize(
    ("code", "hint", "said"),
    [
        (
            "not_a_database",
            "It is another kind of file. Check connection.database_path.",
            "It is another kind of file. Check connection.database_path.",
        ),
        ("database_locked", "Close it, or wait.", "Close it, or wait. It is tried again by itself."),
        ("database_damaged", "", "Restore it from a copy."),
    ],
)
async def test_what_to_do_about_a_trouble_is_said_once(desk: Desk, code: str, hint: str, said: str) -> None:
    desk.database.fail(Failure(code=code, message="why", hint=hint, since=desk.page.now()))
    await desk.page.settle()
    assert said in desk.page.texts()


async def test_how_long_there_is_trouble_goes_on_being_counted(desk: Desk) -> None:
    await desk.fill()
    desk.database.fail(Failure(code="database_missing", message="why", since=desk.page.now()))
    await desk.page.settle()
    assert any("is not there, for 0 s." in text for text in desk.page.texts())
    desk.page.advance(7)
    await desk.page.settle()
    assert any("is not there, for 7 s." in text for text in desk.page.texts())


async def test_a_database_without_tables(desk: Desk) -> None:
    desk.database.outline.on_next(desk.database.ok(Outline(path="new.db", size_bytes=0)))
    await desk.page.settle()
    assert "This database has no tables yet." in desk.page.texts()


async def test_a_page_that_takes_too_long_says_so_and_the_next_is_shown(desk: Desk) -> None:
    await desk.fill()
    desk.view._data._on_sort("size", False)
    failure = Failure(code="query_timeout", message="Sorting took too long.", since=desk.page.now())
    nothing: Snapshot[Any] = Snapshot(None, Health.ERROR, failure=failure)
    desk.database.answers[-1].on_next(nothing)
    await desk.page.settle()
    assert "Sorting took too long." in desk.page.texts()
    desk.view._data._on_sort("name", False)
    await desk.page.settle()
    assert "Sorting took too long." not in desk.page.texts()


async def test_new_counts_do_not_ask_for_the_page_again(desk: Desk) -> None:
    await desk.fill()
    asked = len(desk.database.queries)
    known = desk.database.outline.value.value
    assert known is not None
    tables = (msgspec.structs.replace(CLIENTS, rows=9_999, capped=False), *known.tables[1:])
    desk.database.outline.on_next(desk.database.ok(msgspec.structs.replace(known, tables=tables)))
    await desk.page.settle()
    assert "9,999 rows" in desk.page.texts()
    assert len(desk.database.queries) == asked


async def test_rows_of_one_table_never_stand_under_the_name_of_another(desk: Desk) -> None:
    await desk.fill()
    desk.database.slow = True
    desk.view._data._on_turn(Turn.NEXT)
    await desk.page.settle()
    assert desk.view._data._box.face == "content"  # the same table: the page before stays meanwhile
    desk.view.open_table("sizes")
    await desk.page.settle()
    assert desk.view._data._box.face == "loading"
    desk.database.answers[-1].on_next(desk.database.ok(page_of(desk.query)))
    await desk.page.settle()
    assert desk.view._data._box.face == "content"


async def test_the_bar_that_scrolls_sideways_has_room_of_its_own(desk: Desk) -> None:
    await desk.fill()
    grid = desk.view._data._grid
    sized = grid.control
    await desk.page.fire(sized, "size_change", {"w": 300.0, "h": 500.0})
    assert grid._inner.padding == ft.Padding.only(bottom=10)
    await desk.page.fire(sized, "size_change", {"w": 3000.0, "h": 500.0})
    assert grid._inner.padding is None


async def test_of_thousands_of_tables_some_are_listed_and_all_are_found(desk: Desk) -> None:
    tables = tuple(TableInfo(name=f"t{n:04}", columns=(), rows=n) for n in range(8000))
    desk.database.outline.on_next(
        desk.database.ok(Outline(path="many.db", size_bytes=4096, tables=tables, own=False))
    )
    await desk.page.settle()
    listed = desk.view._list
    assert len(listed._list.controls) == 200
    assert "The first 200 of 8,000" in desk.page.texts()
    listed._search._told = "T777"
    listed._on_search("T777")
    await desk.page.settle()
    assert [f"t777{n}" for n in range(10)] == list(listed._entries)
    assert "10 match" in desk.page.texts()
    listed._search._told = ""
    desk.database.outline.on_next(
        desk.database.ok(Outline(path="many.db", size_bytes=4096, tables=tables[:5], own=False))
    )
    await desk.page.settle()
    assert len(listed._list.controls) == 5
    assert not listed._finding.visible
