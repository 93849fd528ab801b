"""The base of every view: when it looks, how often it draws, and what one broken part does to the others."""

from types import MappingProxyType

import flet as ft
from reactivex.subject import BehaviorSubject, Subject

from streams.model.failures import Failure
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import Health
from streams.sources.registry import TableStream
from tests.ui.harness import NOON, PageHarness
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.components.loading_states import StateBox


class _Label(BoundView):
    """One text that follows one stream."""

    def __init__(self, *, context: UiContext, stream: Subject[str], key: str = "label") -> None:
        self.label = ft.Text("")
        super().__init__(context=context, key=key, content=self.label)
        self.shown: list[str] = []
        self.bind(stream, self._show)

    def _show(self, value: str) -> None:
        if value == "bad":
            raise ValueError(value)
        self.shown.append(value)
        self.label.value = value
        self.touch(self.label)


async def test_one_changed_value_is_one_small_patch() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        h.mount(view)
        subject.on_next("a")
        h.frame()
        ops = h.ops()
        assert [(op.target, op.kind, op.what, op.value) for op in ops] == [
            (view.label._i, "replace", "value", "a")
        ]
        assert h.patches == 1
        assert h.bytes < 60


async def test_a_flood_is_drawn_once_per_frame_with_the_newest() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        h.mount(view)
        for i in range(1000):
            subject.on_next(str(i))
        h.frame()
        assert view.shown == ["999"]
        assert h.patches == 1


async def test_streams_live_only_while_mounted_shown_and_awake() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        assert not subject.observers
        h.mount(view)
        assert len(subject.observers) == 1
        view.set_visible(False)
        assert not subject.observers
        view.set_visible(True)
        view.set_awake(False)
        assert not subject.observers
        view.set_awake(True)
        assert len(subject.observers) == 1
        h.page.controls.clear()
        h.page.update()
        assert not subject.observers


async def test_a_view_that_is_hidden_from_the_start_never_subscribes() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        view.set_visible(False)
        h.mount(view)
        assert not subject.observers


async def test_what_came_before_hiding_is_not_drawn_after_it() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        h.mount(view)
        subject.on_next("late")
        view.set_visible(False)
        h.frame()
        assert view.shown == []


async def test_an_inner_view_follows_its_owner() -> None:
    async with PageHarness.open() as h:
        outer_subject: Subject[str] = Subject()
        inner_subject: Subject[str] = Subject()
        outer = _Label(context=h.context, stream=outer_subject)
        inner = _Label(context=h.context, stream=inner_subject, key="inner")
        outer.adopt(inner)
        h.mount(outer, inner)
        assert len(inner_subject.observers) == 1
        outer.set_visible(False)
        assert not inner_subject.observers
        outer.set_visible(True)
        assert len(inner_subject.observers) == 1


async def test_an_exception_in_one_view_leaves_the_others_alone_and_is_reported() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        first = _Label(context=h.context, stream=subject, key="first")
        second = _Label(context=h.context, stream=subject, key="second")
        h.mount(first, second)
        subject.on_next("bad")
        h.frame()
        subject.on_next("good")
        h.frame()
        assert first.shown == second.shown == ["good"]
        assert [where for where, _ in h.reports] == ["first._show", "second._show"]


class _Boxed(BoundView):
    """A snapshot and a table, each in its box."""

    def __init__(
        self, context: UiContext, snapshots: BehaviorSubject[Snapshot[str]], table: TableStream[str, int]
    ):
        self.label, self.rows = ft.Text(""), ft.Text("")
        self.box, self.table_box = StateBox(self.label, height=80), StateBox(self.rows, height=80)
        super().__init__(
            context=context, key="boxed", content=ft.Column([self.box, self.box.note, self.table_box])
        )
        self.deltas: list[Delta[str, int]] = []
        self.bind_snapshot(snapshots, self.box, self._show_label)
        self.bind_table(table, self.table_box, self._show_rows)

    def _show_label(self, value: str) -> None:
        if value == "bad":
            raise ValueError(value)
        self.label.value = value
        self.touch(self.label)

    def _show_rows(self, delta: Delta[str, int]) -> None:
        self.deltas.append(delta)


def _boxed(h: PageHarness) -> tuple[_Boxed, BehaviorSubject[Snapshot[str]], Subject[Delta[str, int]]]:
    loading: Snapshot[str] = Snapshot(None, Health.LOADING)
    snapshots = BehaviorSubject(loading)
    deltas: Subject[Delta[str, int]] = Subject()
    freshness = BehaviorSubject(Snapshot(0, Health.OK, NOON))
    view = _Boxed(h.context, snapshots, TableStream(deltas, freshness))
    h.mount(view)
    return view, snapshots, deltas


async def test_a_box_goes_from_blank_to_skeleton_to_content() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        assert view.box.face == "waiting"
        h.advance(0.2)
        assert view.box.face == "loading"
        snapshots.on_next(Snapshot("hello", Health.OK, NOON))
        h.frame()
        assert view.box.face == "content"
        assert "hello" in h.texts()
        assert not h.reports


async def test_a_quick_answer_shows_no_skeleton() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        h.advance(0.05)
        snapshots.on_next(Snapshot("quick", Health.OK, NOON))
        h.advance(0.2)
        assert view.box.face == "content"
        assert not any(op.what == "visible" and op.target == view.box._skeleton._i for op in h.ops())


async def test_a_failure_keeps_the_last_value_and_says_its_age() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        failure = Failure(code="server_unreachable", message="No answer.", since=NOON)
        snapshots.on_next(Snapshot("old", Health.OK, NOON))
        h.frame()
        snapshots.on_next(Snapshot("old", Health.ERROR, NOON, failure=failure))
        h.advance(18.2)
        assert view.box.face == "content"
        assert "18 s ago" in h.texts()
        snapshots.on_next(Snapshot("old", Health.OK, h.now()))
        h.frame()
        assert "18 s ago" not in h.texts()


async def test_what_one_comes_back_to_is_called_stale_only_when_its_refresh_takes_long() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        snapshots.on_next(Snapshot("old", Health.OK, NOON))
        h.frame()
        view.set_visible(False)
        h.advance(36)
        snapshots.on_next(Snapshot("old", Health.STALE, NOON))
        view.set_visible(True)
        h.advance(0.4)
        assert not view.box.note.visible, "a refresh is on its way"
        h.advance(1)
        assert view.box.note.visible
        snapshots.on_next(Snapshot("new", Health.OK, h.now()))
        h.frame()
        assert not view.box.note.visible
        snapshots.on_next(Snapshot("new", Health.STALE, NOON))
        h.frame()
        assert view.box.note.visible, "the grace is for coming back, not for silence while one looks"


async def test_a_failure_leads_to_its_log_lines_where_there_is_a_log() -> None:
    async with PageHarness.open() as h:
        failure = Failure(code="server_unreachable", message="No answer.", since=NOON)
        view, snapshots, _ = _boxed(h)
        snapshots.on_next(Snapshot(None, Health.ERROR, failure=failure))
        h.frame()
        assert h.find_all(ft.TextButton, view, content="Show log") == []
        went: list[Place] = []
        h.context.go, h.context.places = went.append, frozenset({"logs"})
        snapshots.on_next(Snapshot(None, Health.ERROR, NOON, failure=failure))
        h.frame()
        await h.fire(h.find(ft.TextButton, view, content="Show log"), "click")
        assert went == [Place("logs", f"at:{NOON.isoformat()}")]


async def test_a_failure_without_a_value_says_why_and_since_when() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        failure = Failure(code="server_unreachable", message="No answer.", hint="Is it on?", since=NOON)
        snapshots.on_next(Snapshot(None, Health.ERROR, failure=failure))
        h.frame()
        assert view.box.face == "error"
        assert "No answer." in h.texts()
        h.advance(65)
        assert "Failing for 1 min. Is it on?" in h.texts()
        words = h.find(ft.Text, view, value="Failing for 1 min. Is it on?")
        assert (words.max_lines, words.no_wrap) == (2, False)  # in a narrow card too all of it is read
        retry = h.find(ft.OutlinedButton)
        before = len(snapshots.observers)
        await h.fire(retry, "click")
        assert len(snapshots.observers) == before == 1


async def test_a_broken_drawing_shows_it_and_heals_with_the_next_value() -> None:
    async with PageHarness.open() as h:
        view, snapshots, _ = _boxed(h)
        snapshots.on_next(Snapshot("bad", Health.OK, NOON))
        h.frame()
        assert view.box.face == "error"
        assert h.reports[0][0] == "boxed._show_label"
        snapshots.on_next(Snapshot("fine", Health.OK, NOON))
        h.frame()
        assert view.box.face == "content"


async def test_deltas_of_one_frame_are_merged_and_their_latency_is_measured() -> None:
    async with PageHarness.open() as h:
        view, _, deltas = _boxed(h)
        overtaken: list[bool] = []
        h.context.overtaken = overtaken.append
        deltas.on_next(Delta(MappingProxyType({"a": 1}), full=True))
        h.frame()
        deltas.on_next(Delta(MappingProxyType({"a": 2}), committed_at=h.now()))
        deltas.on_next(Delta(MappingProxyType({"b": 3}), committed_at=h.now()))
        h.frame(2)
        assert overtaken == [True]
        assert [dict(d.changed) for d in view.deltas] == [{"a": 1}, {"a": 2, "b": 3}]
        assert len(h.latencies) == 1
        assert 0 <= h.latencies[0] < 0.04


async def test_nothing_of_the_former_stream_is_shown_after_a_switch() -> None:
    async with PageHarness.open() as h:
        first: Subject[str] = Subject()
        second: Subject[str] = Subject()
        view = _Label(context=h.context, stream=first)
        h.mount(view)
        binding = view._bindings[0]
        overtaken: list[bool] = []
        h.context.overtaken = overtaken.append
        first.on_next("early")
        first.on_next("late")
        assert overtaken == [False]
        binding.switch(second)
        first.on_next("later")
        second.on_next("new")
        h.frame()
        assert view.shown == ["new"]
        assert not first.observers


async def test_what_is_touched_while_nobody_looks_is_sent_when_somebody_does() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        h.mount(view)
        view.set_awake(False)
        view.label.value = "changed"
        view.touch(view.label)
        h.frame()
        assert h.patches == 0
        view.set_awake(True)
        h.frame()
        assert [op.value for op in h.ops()] == ["changed"]


async def test_a_part_that_keeps_failing_is_reported_once() -> None:
    async with PageHarness.open() as h:
        subject: Subject[str] = Subject()
        view = _Label(context=h.context, stream=subject)
        h.mount(view)
        for value in ("bad", "bad", "good", "bad"):
            subject.on_next(value)
            h.frame(2)
        assert len(h.reports) == 2
        assert view.shown == ["good"]
