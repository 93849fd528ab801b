"""States of the log view: loading, empty, lost, hidden, flooded."""

from collections.abc import AsyncIterator

import pytest

from streams.model.failures import Failure
from streams.model.vocabulary import LogSource
from streams.ports.logs import LogChange
from tests.ui.harness import PageHarness
from tests.ui.log_desk import Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_a_server_that_is_lost_leaves_the_lines(desk: Desk) -> None:
    desk.streams.lose()
    desk.pass_s(0.2)
    assert len(desk.rows()) > 10
    assert desk.view._box.face == "content" and desk.view._box.note.visible


async def test_loading_empty_and_error_say_so() -> None:
    async with PageHarness.open(web=True) as page:
        desk = Desk(page)
        desk.logs.loading = True
        desk.open()
        assert desk.view._box.face == "loading"
    async with PageHarness.open(web=True) as page:
        desk = Desk(page)
        desk.open()
        assert desk.view._box.face == "empty" and desk.has("No log entries yet.")
    async with PageHarness.open(web=True) as page:
        desk = Desk(page)
        desk.logs.failure = desk.streams.failure()
        desk.open()
        assert desk.view._box.face == "error" and desk.has("Nothing listens at localhost:1256.")


async def test_a_hidden_view_asks_for_nothing(desk: Desk) -> None:
    desk.view.set_visible(False)
    asked = len(desk.logs.filters)
    desk.page.clear()
    desk.say("unseen")
    desk.pass_s(2)
    assert desk.page.patches == 0
    desk.view.set_visible(True)
    desk.pass_s(0.2)
    assert len(desk.logs.filters) == asked + 1
    assert desk.rows()[-1] == "unseen"


async def test_five_thousand_lines_a_second_cost_bounded_memory_and_ten_redraws(desk: Desk) -> None:
    index = 0

    def second() -> None:
        nonlocal index
        for _ in range(50):
            index += 1
            lines = tuple(desk.line(i, message=f"line {index}") for i in range(100))
            desk.logs._said.on_next(LogChange(lines, more=True))
            desk.page.advance(0.02)

    for _ in range(6):
        second()
    assert len(desk.view._board.held.lines) == 20_000
    shown: list[LogChange] = []
    taken = desk.view._board.held.take
    desk.view._board.held.take = lambda change: (shown.append(change), taken(change))[1]  # type: ignore[method-assign]
    desk.page.clear()
    for _ in range(4):
        second()
    assert len(desk.view._board.held.lines) == 20_000
    assert len(shown) <= 4 * 10 + 1, "ten redraws a second"
    assert desk.page.bytes < 4 * 400_000
    desk.pass_s(0.2)
    await desk.wheel(-260)
    for _ in range(4):
        second()
    desk.pass_s(0.2)
    assert len(desk.view._board.held.waiting) == 10_000
    assert desk.has("17,400 new"), "all but the debug lines, which are not asked for"


async def test_while_the_server_is_lost_the_list_is_as_old_as_what_the_server_said_last(desk: Desk) -> None:
    desk.logs.fail(Failure(code="server_unreachable", message="No answer.", since=desk.page.now()))
    desk.pass_s(20)
    desk.say("tried again", source=LogSource.CONSOLE)
    assert desk.rows()[-1] == "tried again"
    assert "20 s ago" in desk.page.texts(desk.view._box.note)
