"""The analytics view on a page: its seven charts, its range, and what each situation looks like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import flet as ft
import flet_charts as fc
import msgspec
import reactivex as rx
from reactivex import Observable

from streams.model.analytics import AnalyticsQuery, LoadHistory
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from tests.ui import fake_analytics
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.views.analytics.view import AnalyticsView


@dataclass
class _Stage:
    h: PageHarness
    streams: FakeStreams
    view: AnalyticsView

    def faces(self) -> list[str]:
        return [part.box.face for row in self.view.parts.rows for part in row]


@asynccontextmanager
async def stage(situation: str = "fill") -> AsyncIterator[_Stage]:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        if situation:
            getattr(streams, situation)()
        view = AnalyticsView(streams=streams.bag, commands=FakeCommands(), context=h.context)
        h.mount(view)
        yield _Stage(h, streams, view)
        assert not h.reports, h.reports
        assert not h.crashes


async def test_it_draws_seven_charts() -> None:
    async with stage() as s:
        assert s.faces() == ["content"] * 7
        assert len(s.h.find_all(fc.BarChart)) == 2
        assert len(s.h.find_all(fc.LineChart)) == 4
        assert "Backups per day" in s.h.texts()
        for chart in s.h.find_all(fc.LineChart):
            assert chart.data_series


async def test_another_range_asks_anew_and_shows_nothing_of_the_former() -> None:
    async with stage() as s:
        s.streams.past.asked.clear()
        week = next(box for box in s.h.find_all(ft.Semantics) if box.label == "Range 7 d")
        await s.h.fire(s.h.find(ft.Container, week), "click")
        assert {query.span_s for query in s.streams.past.asked} == {7 * 86400}
        assert len(s.streams.past.asked) == 5
        assert week.selected
        assert "Backups per 6 h" in s.h.texts()
        assert s.faces() == ["content"] * 7
        assert s.h.context.prefs.get("analytics.range") == {
            "span": "7 d",
            "first": "",
            "last": "",
            "compare": False,
        }


async def test_comparing_draws_the_period_before() -> None:
    async with stage() as s:
        box = s.h.find(ft.Checkbox)
        await s.h.fire(box, "change", True, value=True)
        assert s.streams.past.asked[-1].compare
        bars = s.h.find(fc.BarChart)
        assert all(len(group.rods) == 2 for group in bars.groups)
        thin, wide = (rod.width or 0 for rod in bars.groups[0].rods)
        assert thin < wide
        lines = s.h.find_all(fc.LineChart, s.view.parts.server)[0]
        assert any(series.dash_pattern for series in lines.data_series)
        assert any("(before: " in text for text in s.h.texts())
        await s.h.fire(box, "change", False, value=False)
        assert all(len(group.rods) == 1 for group in bars.groups)


async def test_two_days_are_checked_at_their_fields() -> None:
    async with stage() as s:
        custom = next(box for box in s.h.find_all(ft.Semantics) if box.label == "Range Custom")
        await s.h.fire(s.h.find(ft.Container, custom), "click")
        first, last = s.h.find_all(ft.TextField)
        assert (first.value, last.value) == ("2026-03-01", "2026-03-11")
        assert s.streams.past.asked[-1].since == datetime(2026, 3, 1, tzinfo=UTC)
        count = len(s.streams.past.asked)
        await s.h.fire(first, "focus")
        assert s.h.context.typing
        await s.h.fire(first, "submit", value="2026-03-40")
        assert "There is no such day" in s.h.texts()
        assert len(s.streams.past.asked) == count
        await s.h.fire(first, "blur", value="2026-02-01")
        assert not s.h.context.typing
        assert "There is no such day" not in s.h.texts()
        assert s.streams.past.asked[-1].since == datetime(2026, 2, 1, tzinfo=UTC)


async def test_a_choice_redraws_without_asking_and_is_remembered() -> None:
    async with stage() as s:
        count = len(s.streams.past.asked)
        memory = next(box for box in s.h.find_all(ft.Semantics) if box.label == "Server Memory")
        await s.h.fire(s.h.find(ft.Container, memory), "click")
        assert len(s.streams.past.asked) == count
        assert s.h.context.prefs.get("analytics.server") == "Memory"
        chart = s.h.find(fc.LineChart, s.view.parts.server)
        assert any("GiB" in text for text in s.h.texts(chart.left_axis))


async def test_each_situation_has_its_face() -> None:
    async with stage("") as s:
        assert s.faces() == ["waiting"] * 7
        s.h.advance(0.3)
        assert s.faces() == ["loading"] * 7
        assert "failed" not in s.h.texts(s.view.parts.hours), "what explains a chart comes with it"
        s.streams.empty()
        s.h.frame()
        assert s.faces() == ["empty"] * 7
        assert "No backup ended in this time." in s.h.texts()
        s.streams.fill()
        s.h.frame()
        assert s.faces() == ["content"] * 7
        s.streams.lose()
        s.h.frame()
        assert s.faces() == ["content"] * 7
        assert s.h.texts().count("1 min ago") == 7
    async with stage("fail") as s:
        assert s.faces() == ["error"] * 7


async def test_one_broken_card_leaves_the_others_alone() -> None:
    async with stage() as s:
        chart = s.view.parts.hours
        chart._present = lambda *_: 1 / 0  # type: ignore[assignment]
        s.streams.fill()
        s.h.frame()
        assert s.faces() == ["content"] * 3 + ["error"] + ["content"] * 3
        assert s.h.reports
        s.h.reports.clear()


async def test_a_hidden_view_looks_at_nothing_and_time_costs_nothing() -> None:
    async with stage() as s:
        assert s.streams.past.looked_at
        s.h.advance(2.0)
        s.h.clear()
        s.h.advance(1.0)
        assert s.h.patches == 0
        s.view.set_visible(False)
        assert not s.streams.past.looked_at


async def test_no_series_has_more_points_than_can_be_drawn() -> None:
    async with stage() as s:
        for span in ("1 h", "24 h", "7 d", "90 d"):
            button = next(box for box in s.h.find_all(ft.Semantics) if box.label == f"Range {span}")
            await s.h.fire(s.h.find(ft.Container, button), "click")
            for chart in s.h.find_all(fc.LineChart):
                assert chart.data_series
                assert all(len(series.points) <= 300 for series in chart.data_series)
            for bars in s.h.find_all(fc.BarChart):
                assert 2 <= len(bars.groups) <= 100


async def test_a_metric_without_a_value_says_so_beside_others_that_have_some() -> None:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        streams.fill()

        def quiet(query: AnalyticsQuery) -> Observable[Snapshot[LoadHistory]]:
            told = fake_analytics.load(query, h.now(), fake_analytics.CONSOLE_UNITS)
            series = tuple(
                msgspec.structs.replace(each, points=()) if each.name in ("p50_s", "p99_s") else each
                for each in told.series
            )
            return rx.of(Snapshot(msgspec.structs.replace(told, series=series), Health.OK, h.now()))

        bag = replace(streams.bag, analytics=replace(streams.bag.analytics, console=quiet))
        view = AnalyticsView(streams=bag, commands=FakeCommands(), context=h.context)
        h.mount(view)
        h.frame()
        card = view.parts.console
        assert card.box.face == "empty"
        card._on_choose("Memory")
        assert card.box.face == "content"
        card._on_choose("Event to screen")
        assert card.box.face == "empty"
        assert not h.reports
