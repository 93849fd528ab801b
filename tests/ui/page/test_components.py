"""The small parts: connection, confirmation, sparkline, progress, badge."""

import asyncio
from datetime import timedelta

import flet as ft

from streams.model.failures import Failure
from streams.model.link import Latency, Link
from streams.model.server import SeriesPoint
from streams.model.vocabulary import ClientState, LinkState, RunState
from tests.ui.harness import NOON, PageHarness
from ui.base.format import Formatter
from ui.base.theme import BACKING_UP, Tone
from ui.components.charts.sparkline import Sparkline, present_line, thin_out
from ui.components.confirm import Question, ask, present_names
from ui.components.connection_status import present_connection, present_round_trip
from ui.components.dialogs import show_dialog
from ui.components.progress import ProgressLine
from ui.components.status_badge import StatusBadge
from ui.shell.connection_banner import present_lost

WORDS = Formatter()
LOST = Failure(
    code="server_refused",
    message="Nothing listens at host:1256.",
    since=NOON,
    retry_at=NOON + timedelta(seconds=12),
)


def test_a_round_trip_of_the_past_is_not_shown() -> None:
    live = Link(state=LinkState.LIVE, since=NOON, round_trip_s=0.012)
    assert present_round_trip(live) == "12 ms"
    assert present_round_trip(Link(state=LinkState.DOWN, since=NOON, round_trip_s=0.012)) == ""
    assert present_round_trip(Link(state=LinkState.LIVE, since=NOON)) == ""


def test_the_panel_always_has_the_same_lines() -> None:
    link = Link(state=LinkState.DOWN, since=NOON, failure=LOST, last_gap_s=4.0)
    now = NOON + timedelta(seconds=2)
    down = present_connection(link, Latency(p50_s=0.011, p99_s=0.2, samples=5), now, WORDS, server_now=now)
    new = Link(state=LinkState.CONNECTING, since=NOON)
    fresh = present_connection(new, Latency(), NOON, WORDS, server_now=NOON)
    assert [f.label for f in down] == [f.label for f in fresh]
    said = {f.label: f.value for f in down}
    assert said["Next try"] == "in 10 s"
    assert said["Why"] == "Nothing listens at host:1256."
    assert next(f for f in down if f.label.endswith("99 % under")).tone is Tone.WARNING
    skipped = next(f for f in down if "never dropped" in f.exact)
    assert skipped.label == "Values skipped"  # "dropped" was read as events that were lost
    assert {f.value for f in fresh if f.label in ("Round trip", "Last event", "Last gap")} == {"–"}


def test_the_bar_says_since_when_why_and_when_the_next_try_is() -> None:
    down = Link(state=LinkState.DOWN, since=NOON, failure=LOST)
    assert present_lost(down, NOON + timedelta(seconds=3), WORDS) == (
        "No connection for 3 s, since 12:00:00. Nothing listens at host:1256. Next try in 9 s."
    )
    later = present_lost(down, NOON + timedelta(seconds=90), WORDS)
    assert later is not None
    assert later.endswith("Next try now.")
    again = Link(state=LinkState.CONNECTING, since=NOON, failure=LOST)
    assert (present_lost(again, NOON, WORDS) or "").endswith("Trying now.")
    for state in (LinkState.LIVE, LinkState.POLLING, LinkState.STALE, LinkState.CONNECTING):
        assert present_lost(Link(state=state, since=NOON), NOON, WORDS) is None


def test_names_are_listed_and_the_rest_counted() -> None:
    assert present_names(["a", "b"], most=3) == (("a", "b"), "")
    assert present_names(["a", "b", "c"], most=2) == (("a", "b"), "and 1 more")


async def _asked(h: PageHarness, question: Question) -> tuple[asyncio.Task[bool], ft.AlertDialog]:
    task = asyncio.create_task(ask(h.page, h.context, question))
    await h.settle()
    return task, h.find(ft.AlertDialog, open=True)


async def test_yes_and_no() -> None:
    async with PageHarness.open() as h:
        task, dialog = await _asked(h, Question("Stop?", "It stops.", "Stop it"))
        await h.fire(h.find(ft.FilledButton, dialog), "click")
        assert await task is True
        assert dialog.open is False
        task, dialog = await _asked(h, Question("Stop?", "It stops.", "Stop it"))
        await h.fire(h.find(ft.TextButton, dialog, content="Not now"), "click")
        assert await task is False


async def test_closing_the_question_is_a_no() -> None:
    async with PageHarness.open() as h:
        task, dialog = await _asked(h, Question("Stop?", "It stops.", "Stop it"))
        await h.fire(dialog, "dismiss")
        assert await task is False


async def test_a_dialog_without_a_button_gets_one() -> None:
    async with PageHarness.open() as h:
        show_dialog(h.page, h.context, ft.AlertDialog(title=ft.Text("Keys")))
        await h.settle()
        await h.fire(h.find(ft.TextButton, h.find(ft.AlertDialog), content="Close"), "click")
        assert (h.find(ft.AlertDialog).open, h.context.close_dialog) == (False, None)


async def test_what_loses_data_needs_its_name_typed() -> None:
    async with PageHarness.open() as h:
        task, dialog = await _asked(h, Question("Purge?", "Gone for ever.", "Purge", type_name="web-01"))
        yes, name = h.find(ft.FilledButton, dialog), h.find(ft.TextField, dialog)
        await h.fire(name, "focus")
        assert h.context.typing
        assert yes.disabled
        await h.fire(name, "change", "web-0", value="web-0")
        assert yes.disabled
        calls: list[object] = []
        h.connection.replies["focus"] = calls.append
        await h.fire(name, "submit")
        assert len(calls) == 1, "Enter does not cost the keyboard"
        await h.fire(name, "change", "web-01", value="web-01")
        assert not yes.disabled
        await h.fire(yes, "click")
        assert await task is True
        assert not h.context.typing


def _points(*values: float) -> list[SeriesPoint]:
    return [SeriesPoint(at=NOON, least=v, mean=v, greatest=v) for v in values]


def test_a_line_fills_its_box_from_foot_to_head() -> None:
    assert present_line([0.0, 1.0], 100, 30) == [(0.0, 28.5), (100.0, 1.5)]
    assert present_line([5.0, 5.0], 10, 30, floor=None) == [(0.0, 28.5), (10.0, 28.5)]
    assert present_line([1.0], 100, 30) == present_line([1.0, 2.0], 0, 30) == []


def test_thinning_keeps_the_peak() -> None:
    values = [1.0] * 600
    values[321] = 99.0
    thin = thin_out(_points(*values))
    assert len(thin) == 60
    assert max(thin) == 99.0
    assert thin_out(_points(1.0, 2.0)) == [1.0, 2.0]


async def test_a_sparkline_draws_once_it_knows_its_size_and_not_again_for_the_same() -> None:
    async with PageHarness.open() as h:
        line = Sparkline()
        assert not line.show([1.0, 2.0, 3.0])
        h.mount(line)
        await h.fire(line, "resize", {"w": 100.0, "h": 26.0})
        assert h.patches == 1
        assert not line.show([1.0, 2.0, 3.0])
        assert line.show([3.0, 2.0, 1.0])
        assert line.show([])


def test_a_progress_bar_sends_only_steps_that_can_be_seen() -> None:
    bar = ProgressLine()
    assert bar.set(0.5)
    assert not bar.set(0.5004)
    assert bar.set(0.51)
    assert bar.set(None)
    assert bar.value == 0
    assert bar.set(7.0)
    assert bar.value == 1


def test_a_badge_changes_in_place_and_only_if_it_must() -> None:
    badge = StatusBadge(ClientState.ONLINE)
    assert not badge.set(ClientState.ONLINE)
    assert badge.set(BACKING_UP)
    assert badge.shown.word == "backing up"
    assert badge.set(RunState.FAILED, tooltip="why")
    assert badge.tooltip == "why"
