"""The database view on a real page, with a database that a test holds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import flet as ft
import msgspec
import pytest
import reactivex as rx
from reactivex.subject import Subject

from streams.failures import Failure
from streams.records.database import (
    AnswerQuery,
    ColumnFilter,
    Direction,
    FilterKind,
    LongText,
    Outline,
    PageQuery,
)
from streams.records.statements import ExportFormat, ExportProgress, SqlProblem, SqlResult
from streams.snapshot import Snapshot
from streams.vocabulary import Health
from tests.ui.fake_commands import FakeCommands
from tests.ui.fake_database import CLIENTS, page_of
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.components.pager import Turn
from ui.views.database import DatabaseView


class Desk:
    """The view and the database behind it."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        streams = FakeStreams(page.now)
        self.database = streams.database
        self.view = DatabaseView(streams=streams.bag, commands=FakeCommands(), context=page.context)
        page.mount(self.view)

    async def fill(self) -> None:
        self.database.fill()
        await self.page.settle()
        await self.page.settle()
        self.resize()

    def resize(self) -> None:
        table = self.view._data._grid.table
        assert table is not None
        table._body.resize(900, 500)
        table.refresh()
        self.page.frame()

    @property
    def query(self) -> PageQuery:
        return self.database.queries[-1]

    async def tab(self, name: str) -> None:
        self.view.show_tab(name)
        await self.page.settle()

    async def run(self, sql: str) -> None:
        self.view.sql._editor.value = sql
        self.view.on_key(_key("Enter", ctrl=True))
        await self.page.settle()

    async def answer(self, **parts: Any) -> None:
        run = self.database.runs[-1]
        run.stream.on_next(self.database.ok(SqlResult(sql=run.sql, **parts)))
        await self.page.settle()


def _key(key: str, *, ctrl: bool = False) -> ft.KeyboardEvent:
    return ft.KeyboardEvent(
        name="keyboard_event", control=None, key=key, ctrl=ctrl, shift=False, alt=False, meta=False
    )  # pyright: ignore[reportArgumentType]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open(web=True) as page:
        desk = Desk(page)
        yield desk
        assert page.crashes == []
        assert page.reports == []


async def test_tables_with_their_rows_and_sizes(desk: Desk) -> None:
    await desk.fill()
    texts = desk.page.texts(desk.view._list.control)
    assert texts[:4] == ["Tables (3)", "clients", "10,000+", "2.6 MiB"]
    assert "catalogue.db  ·  3.6 MiB" in texts


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


async def test_ctrl_enter_runs_and_shows_rows_time_and_history(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    await desk.run("select a;\n")
    assert desk.database.runs[-1].sql == "select a"
    assert desk.view.sql._stop.visible
    await desk.answer(columns=("a", "a"), rows=((1, "x"), (2, "y")), took_s=0.012)
    texts = desk.page.texts(desk.view.sql)
    assert "2 rows  ·  12 ms" in texts
    assert "select a" in texts
    assert {"x", "y"} <= set(texts)
    assert not desk.view.sql._stop.visible
    assert desk.page.context.prefs.get("database.history") == ["select a"]


async def test_a_row_of_an_answer_opens_with_its_values_whole(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    sql = desk.view.sql
    await desk.run("SELECT note, note FROM clients")
    await desk.answer(columns=("note", "note"), rows=(("short", LongText("who")), ("b", "c")))
    table = sql._answer._grid.table
    assert table is not None
    table._body.resize(600, 300)
    table.refresh()
    await table._on_click(0)
    await desk.page.settle()
    assert desk.page.texts(sql._panel)[0] == "Row 1"
    assert not sql._lists.control.visible
    await desk.page.fire(desk.page.find(ft.TextButton, sql._panel, content="Show whole"), "click")
    query = AnswerQuery(sql="SELECT note, note FROM clients", row=0, column=1)
    assert desk.database.asked[-1] == ("value", query)
    assert "whole" in desk.page.texts(sql._panel)
    await desk.run("SELECT note FROM clients")
    await desk.answer(columns=("note",), rows=((LongText("as it was"),),))
    table = sql._answer._grid.table
    assert table is not None
    table._body.resize(600, 300)
    table.refresh()
    await table._on_click(0)
    await desk.page.settle()
    await desk.page.fire(desk.page.find(ft.TextButton, sql._panel, content="Show whole"), "click")
    assert "It has changed since. Run the statement again." in desk.page.texts(sql._panel)
    await desk.run("SELECT 1")
    await desk.answer(columns=("1",), rows=((1,),))
    assert not sql._panel.visible
    assert sql._lists.control.visible


async def test_an_error_is_shown_at_its_place(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    await desk.run("select\nnmae")
    await desk.answer(
        problem=SqlProblem(code="query_failed", message="No such column: nmae", line=2, column=1)
    )
    assert "Line 2, column 1: No such column: nmae" in desk.page.texts()
    assert [(issue.line, issue.message) for issue in desk.view.sql._editor.issues] == [
        (1, "No such column: nmae")
    ]


async def test_cancel_closes_the_run_and_a_late_answer_is_not_shown(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    await desk.run("select 1")
    await desk.page.fire(desk.view.sql._stop, "click")
    assert desk.database.runs[-1].closed
    await desk.answer(columns=("late",), rows=((1,),))
    assert "late" not in desk.page.texts()
    await desk.run("select 2")
    await desk.run("select 3")
    assert desk.database.runs[1].closed
    assert not desk.database.runs[2].closed
    await desk.answer(columns=("third",), rows=((3,),))
    assert "third" in desk.page.texts()


async def test_a_pinned_statement_is_run_as_one_and_marks_new_rows(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    await desk.run("select a")
    await desk.answer(columns=("a",), rows=((1,),))
    desk.view.sql._on_pin()
    await desk.page.settle()
    assert desk.database.runs[-1].pinned
    await desk.answer(columns=("a",), rows=((1,),))
    await desk.answer(columns=("a",), rows=((1,), (42,)))
    new = desk.page.find(ft.Text, desk.view.sql._answer.control, value="42")
    old = desk.page.find(ft.Text, desk.view.sql._answer.control, value="1")
    assert new.color != old.color


async def test_the_plan_marks_a_full_scan(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    desk.view.sql._editor.value = "select * from clients"
    desk.view.sql._on_explain()
    await desk.page.settle()
    assert "full scan: reads every row" in desk.page.texts()
    assert "SCAN clients" in desk.page.texts()


async def test_a_saved_statement_is_kept_and_comes_back(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    desk.view.sql._editor.value = "select saved"
    desk.view.sql._on_save()
    await desk.page.settle()
    assert desk.page.context.prefs.get("database.saved") == ["select saved"]
    desk.view.sql.put("other")
    desk.view.sql._lists._on_pick("select saved")
    assert desk.view.sql._editor.value == "select saved"


async def test_an_export_tells_its_progress_and_can_be_cancelled(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    await desk.run("select a")
    await desk.answer(columns=("a",), rows=((1,),))
    progress: Subject[ExportProgress] = Subject()
    disposed: list[bool] = []
    desk.database.exporting = progress.pipe(rx.operators.finally_action(lambda: disposed.append(True)))
    desk.view.sql._on_export(ExportFormat.CSV)
    async with asyncio.timeout(30):
        while not any(asked[0] == "export" for asked in desk.database.asked):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await desk.page.settle()
    progress.on_next(ExportProgress(rows=5000, size_bytes=2048))
    await desk.page.settle()
    assert "Exporting: 5,000 rows, 2.0 KiB" in desk.page.texts()
    desk.view.sql.cancel()
    async with asyncio.timeout(30):
        while desk.view.sql._exporting is not None or not disposed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await desk.page.settle()
    assert "The export was cancelled; no file is left." in desk.page.texts()


async def test_names_are_offered_while_typing(desk: Desk) -> None:
    await desk.fill()
    words = desk.view.sql._editor.autocomplete_words or []
    assert {"SELECT", "clients", "token_hash"} <= set(words)


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
