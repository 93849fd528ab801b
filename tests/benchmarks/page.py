"""One changed value on a page that has all views, against ``page.update()`` on the same page."""

from collections.abc import Callable
from unittest import mock

import flet as ft
from flet.controls.base_control import BaseControl

from tests.benchmarks.report import Result, rounds
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.shell.app import build_console
from ui.shell.registry import VIEWS

MIN = 300.0
PER_ROUND = 200


async def measure(*, quick: bool = False) -> list[Result]:
    """Show every view once with 60 clients, then change one text again and again."""
    async with PageHarness.open(width=1920, height=1080) as harness:
        streams = FakeStreams(harness.now)
        shell = build_console(
            harness.page, streams=streams.bag, commands=FakeCommands(), context=harness.context
        )
        streams.fill()
        for spec in (*VIEWS, VIEWS[0]):
            shell.go(Place(view=spec.name))
            await harness.settle()
            harness.frame(5)
        controls = sum(1 for _ in harness.walk(hidden=True))
        text = next(t for t in harness.find_all(ft.Text, shell.view(VIEWS[0].name)) if t.value)
        number = 0

        def change(update: Callable[[], None], times: int) -> Callable[[], int]:
            def job() -> int:
                nonlocal number
                for _ in range(times):
                    number += 1
                    text.value = f"{number} %"
                    update()
                harness.clear()
                return times

            return job

        leaf, isolated = rounds(
            (change(text.update, PER_ROUND), change(harness.page.update, 4)), times=5 if quick else 15
        )
        with mock.patch.object(BaseControl, "is_isolated", lambda _: False):
            harness.page.update()
            (page,) = rounds((change(harness.page.update, 1),), times=5 if quick else 15)
        ratio = page.median / leaf.median
        what = f"one changed text, {controls:,} controls in {len(VIEWS)} views"
        return [
            Result(
                "page/leaf", what, leaf, f"at least {MIN:g}x cheaper", ratio >= MIN, page,
                "page.update() without isolated panels", ratio,
                notes="difference, encoding and hand-over to the connection",
            ),
            Result(
                "page/isolated", what, leaf, "", None, isolated,
                "page.update() as the panels are, isolated", isolated.median / leaf.median,
            ),
        ]  # fmt: skip
