"""The SQL tab: run, cancel, pin, explain, save, export."""

import asyncio
from collections.abc import AsyncIterator

import flet as ft
import pytest
from reactivex import operators as ops
from reactivex.subject import Subject

from streams.model.database import (
    AnswerQuery,
    LongText,
)
from streams.model.statements import ExportFormat, ExportProgress, SqlProblem
from tests.ui.database_desk import Desk, open_desk
from tests.ui.harness import key_event


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def _open_first_row(desk: Desk) -> None:
    table = desk.view.sql._answer._grid.table
    assert table is not None
    table._body.resize(600, 300)
    table.refresh()
    await table._on_click(0)
    await desk.page.settle()


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
    await _open_first_row(desk)
    assert desk.page.texts(sql._panel)[0] == "Row 1"
    assert not sql._lists.control.visible
    await desk.page.fire(desk.page.find(ft.TextButton, sql._panel, content="Show whole"), "click")
    query = AnswerQuery(sql="SELECT note, note FROM clients", row=0, column=1)
    assert desk.database.asked[-1] == ("value", query)
    assert "whole" in desk.page.texts(sql._panel)
    await desk.run("SELECT note FROM clients")
    await desk.answer(columns=("note",), rows=((LongText("as it was"),),))
    await _open_first_row(desk)
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
    desk.database.exporting = progress.pipe(ops.finally_action(lambda: disposed.append(True)))
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
        while desk.view.sql._exporting.busy or not disposed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await desk.page.settle()
    assert "The export was cancelled; no file is left." in desk.page.texts()


async def test_ctrl_space_completes_the_name_before_the_caret(desk: Desk) -> None:
    await desk.fill()
    await desk.tab("sql")
    editor = desk.view.sql._editor
    await desk.page.fire(editor, "change", "select token_h", value="select token_h")
    place = {"base_offset": 14, "extent_offset": 14}
    await desk.page.fire(editor, "selection_change", {"selected_text": "", "selection": place})
    desk.view.on_key(key_event(" ", ctrl=True))
    assert editor.value == "select token_hash"
