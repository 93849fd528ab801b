"""The details of a client: whose answers they show, what they lead to, what is there when opened again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import flet as ft
import msgspec
import pytest
import reactivex as rx
from reactivex.subject import Subject

from streams.model.runs import Run, RunPage
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import RunState
from streams.sources.registry import Streams
from tests.ui import fleet
from tests.ui.harness import key_event
from tests.ui.page.test_clients_view import Desk, open_desk
from ui.base.context import Place
from ui.views.clients.details import ClientDetails


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk(12) as desk:
        yield desk


async def test_a_late_answer_of_the_client_before_is_never_shown(desk: Desk) -> None:
    late: Subject[Snapshot[RunPage]] = Subject()
    details = desk.view._details
    first, second = fleet.client_id("app-01"), fleet.client_id("app-02")
    answers = {first: late, second: rx.never()}
    details._streams = streams_with_runs(desk, answers)
    desk.view.arrive(f"client:{first}")
    desk.page.frame()
    run = fleet.run_of(0, "app-01", desk.page.now())
    late.on_next(desk.streams.ok(RunPage(rows=(run,))))  # has come, is not drawn yet
    desk.view.arrive(f"client:{second}")
    desk.page.frame()
    assert late.observers == []
    assert all(not bar.height for bar in details._bars.bars)


def with_a_run(desk: Desk) -> tuple[ClientDetails, Run]:
    """Open the details of a client that has one run."""
    details, first = desk.view._details, fleet.client_id("app-01")
    run = fleet.run_of(7, "app-01", desk.page.now())
    page = desk.streams.ok(RunPage(rows=(run,)))
    details._streams = streams_with_runs(desk, {first: rx.concat(rx.of(page), rx.never())})
    desk.view.arrive(f"client:{first}")
    desk.page.frame()
    return details, run


async def test_the_line_of_a_run_leads_to_the_run(desk: Desk) -> None:
    details, run = with_a_run(desk)
    line = desk.page.find(ft.Container, details, tooltip=f"Show run {run.id}")
    await desk.page.fire(line, "click")
    assert desk.went[-1] == Place("run", str(run.id))


async def test_the_bar_of_a_run_leads_to_the_run(desk: Desk) -> None:
    details, run = with_a_run(desk)
    await desk.page.fire(details._bars.bars[-1], "click")
    assert desk.went[-1] == Place("run", str(run.id))
    assert details._bars.bars[0].on_click is None


async def test_the_failures_are_there_again_when_the_same_client_is_opened_again(desk: Desk) -> None:
    details, first, second = desk.view._details, fleet.client_id("app-01"), fleet.client_id("app-02")
    run = msgspec.structs.replace(fleet.run_of(0, "app-01", desk.page.now()), state=RunState.FAILED)
    page = desk.streams.ok(RunPage(rows=(run,)))
    details._streams = streams_with_runs(
        desk, {first: rx.concat(rx.of(page), rx.never()), second: rx.never()}
    )
    for shown in (first, second, first):
        desk.view.arrive(f"client:{shown}")
        desk.page.frame()
        assert details._failures_part.visible is (shown == first)
    assert desk.view.row_navigator.take_key(key_event("Escape"))
    await desk.click_row(0)
    desk.page.frame()
    assert details._failures_part.visible is True


async def test_the_details_of_another_client_begin_at_their_top(desk: Desk) -> None:
    scrolled = desk.view._details.panel.scrolled
    await desk.click_row(0)
    first = scrolled.key
    await desk.click_row(1)
    assert scrolled.key != first
    second = scrolled.key
    desk.view._details.refresh(desk.view._details._row)  # type: ignore[arg-type]
    assert scrolled.key == second


def streams_with_runs(desk: Desk, answers: dict[str, rx.Observable[Snapshot[RunPage]]]) -> Streams:
    return replace(desk.streams.bag, client_runs=lambda client_id: answers[client_id])
