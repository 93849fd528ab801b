"""The dashboard on a page of its own, for its tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.views.dashboard.view import DashboardView


@dataclass
class Stage:
    """The view, its streams and commands, and where it led."""

    h: PageHarness
    streams: FakeStreams
    commands: FakeCommands
    view: DashboardView
    went: list[Place]


@asynccontextmanager
async def stage(situation: str = "fill") -> AsyncIterator[Stage]:
    """Show the dashboard in a situation of the streams; nothing may have gone wrong by the end."""
    async with PageHarness.open() as h:
        streams, commands, went = FakeStreams(h.now), FakeCommands(), []
        h.context.go = went.append
        if situation:
            getattr(streams, situation)()
        view = DashboardView(streams=streams.bag, commands=commands, context=h.context)
        h.mount(view)
        yield Stage(h, streams, commands, view, went)
        assert not h.reports, h.reports
        assert not h.crashes
