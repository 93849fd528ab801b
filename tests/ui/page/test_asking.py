"""While a question runs, the answer to the one before it is dimmed, with a clock and a stop."""

from collections.abc import AsyncIterator, Callable

import flet as ft
import pytest

from streams.model.failures import Failure
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from tests.ui import database_desk, files_desk
from tests.ui.harness import NOON, PageHarness
from ui.components.asking import PATIENCE_S, Asking
from ui.components.data_table.pager import Turn


def of(page: PageHarness, key: str) -> Asking:
    """Return what dims an answer."""
    return page.find(Asking, key=key)


def wait(page: PageHarness, seconds: float) -> None:
    page.advance(seconds)
    page.frame()


def said(page: PageHarness, asking: Asking) -> str:
    return " ".join(page.texts(asking._veil))


@pytest.fixture
async def files() -> AsyncIterator[files_desk.Desk]:
    async with files_desk.open_desk() as desk:
        yield desk


@pytest.fixture
async def database() -> AsyncIterator[database_desk.Desk]:
    async with database_desk.open_desk() as desk:
        await desk.fill()
        yield desk


FILES: dict[str, Callable[[files_desk.Desk], object]] = {
    "sort": lambda desk: desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click"),
    "page": lambda desk: desk.turn(Turn.NEXT),
}


@pytest.mark.parametrize("name", FILES)
async def test_files_of_the_former_question_are_dimmed_until_the_answer(
    files: files_desk.Desk, name: str
) -> None:
    asking = of(files.page, "files.asking")
    files.auto = False
    await FILES[name](files)  # type: ignore[misc]
    assert not asking.dimmed  # an answer that comes at once dims nothing
    wait(files.page, PATIENCE_S + 0.1)
    assert asking.dimmed
    wait(files.page, 7)
    assert "Looking for 7 s" in said(files.page, asking)
    files.answer()
    files.page.frame()
    assert not asking.dimmed
    wait(files.page, 10)
    assert not asking.dimmed


async def test_a_search_that_takes_long_can_be_stopped(files: files_desk.Desk) -> None:
    asking = of(files.page, "files.asking")
    before = files.ids()
    files.auto = False
    await FILES["sort"](files)  # type: ignore[misc]
    wait(files.page, 1)
    asked = files.answers[-1]
    assert asked.observers
    await files.page.fire(files.page.find(ft.TextButton, asking, content="Stop"), "click")
    files.page.frame()
    assert not asked.observers  # nobody waits for it any more
    assert (asking.dimmed, files.ids()) == (True, before)
    wait(files.page, 90)
    assert said(files.page, asking) == "This is the answer to the former question"
    asked_before = len(files.queries)
    await files.turn(Turn.NEXT)  # of what is not shown as an answer there is no next page
    assert len(files.queries) == asked_before
    await files.page.fire(files.page.find(ft.TextButton, asking, content="Ask again"), "click")
    wait(files.page, 1)
    assert "Looking" in said(files.page, asking)
    files.answer()
    files.page.frame()
    assert not asking.dimmed


@pytest.mark.parametrize("name", FILES)
async def test_a_question_that_fails_is_veiled_no_longer(files: files_desk.Desk, name: str) -> None:
    asking = of(files.page, "files.asking")
    files.auto = False
    await FILES[name](files)  # type: ignore[misc]
    wait(files.page, 1)
    failure = files.streams.failure()
    files.answers[-1].on_next(Snapshot(None, Health.ERROR, None, 5.0, failure))
    files.page.frame()
    wait(files.page, 60)
    assert not asking.dimmed


async def test_a_turn_that_asks_nothing_does_not_begin_the_clock_anew(files: files_desk.Desk) -> None:
    asking = of(files.page, "files.asking")
    files.auto = False
    await FILES["sort"](files)  # type: ignore[misc]
    wait(files.page, 20)
    await files.turn(Turn.NEXT)
    wait(files.page, 1)
    assert "for 21 s" in said(files.page, asking)


async def test_rows_that_cannot_be_read_are_veiled_no_longer(database: database_desk.Desk) -> None:
    asking = of(database.page, "rows.asking")
    database.view._data._ask(database.query)
    database.view._data._asking.begin()
    wait(database.page, 1)
    database.view._data._box.show(
        Snapshot(None, Health.ERROR, None, 5.0, Failure(code="locked", message="It is locked.", since=NOON))
    )
    wait(database.page, 60)
    assert not asking.dimmed


async def test_the_answer_to_the_former_statement_is_dimmed(database: database_desk.Desk) -> None:
    await database.tab("sql")
    asking = of(database.page, "sql.asking")
    await database.run("SELECT 1")
    await database.answer(columns=("a",), rows=((1,),))
    await database.run("SELECT 2")
    wait(database.page, 2)
    assert asking.dimmed and "Running for 2 s" in said(database.page, asking)
    await database.page.fire(database.page.find(ft.TextButton, asking, content="Stop"), "click")
    database.page.frame()
    assert not asking.dimmed
    await database.run("SELECT 3")
    wait(database.page, 2)
    await database.answer(columns=("a",), rows=((3,),))
    database.page.frame()
    assert not asking.dimmed
