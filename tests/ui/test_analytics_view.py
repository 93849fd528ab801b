"""The analytics view on a page: its seven charts, its range, and what each situation looks like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import flet as ft
import flet_charts as fc

from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.views.analytics import AnalyticsView


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
