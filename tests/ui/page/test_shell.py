"""The frame: views mounted once and looked at one at a time, keys, theme, and who is looking."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import flet as ft
from reactivex.subject import Subject

from streams.model.failures import Failure
from streams.model.link import Link
from streams.model.vocabulary import LinkState
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.bound_view import BoundView
from ui.base.context import Look, Place, UiContext
from ui.base.theme import Density
from ui.shell.app import build_console
from ui.shell.registry import VIEWS
from ui.shell.shell import Shell


@dataclass
class _Stage:
    h: PageHarness
    streams: FakeStreams
    commands: FakeCommands
    shell: Shell


@asynccontextmanager
async def stage(**size: Any) -> AsyncGenerator[_Stage]:
    async with PageHarness.open(**size) as h:
        streams, commands = FakeStreams(h.now), FakeCommands()
        streams.fill()
        shell = build_console(h.page, streams=streams.bag, commands=commands, context=h.context)
        h.frame()
        h.clear()
        yield _Stage(h, streams, commands, shell)
        assert not h.reports, h.reports
        assert not h.crashes


async def _press(h: PageHarness, key: str, **held: bool) -> None:
    event = {"key": key, "ctrl": False, "alt": False, "shift": False, "meta": False} | held
    await h.fire(h.page, "keyboard_event", event)


def _button(h: PageHarness, tooltip: str) -> ft.IconButton:
    return h.find(ft.IconButton, tooltip=tooltip)


async def test_the_first_view_is_shown_with_title_chip_and_simulated_fleet() -> None:
    async with stage() as s:
        texts = s.h.texts()
        for words in ("Dashboard", "Simulated fleet", "live", "12 ms"):
            assert words in texts
        assert s.h.page.title == "(3) Tidewatch"
        assert s.h.page.theme_mode is ft.ThemeMode.SYSTEM


async def test_a_first_click_is_answered_by_an_empty_frame_before_anything_is_built() -> None:
    async with stage() as s:
        s.shell.go(Place("files"))
        assert s.shell.current == "files"
        assert s.shell._stage.shown is None
        assert s.h.patches
        assert s.h.bytes < 6000
        s.h.frame()
        assert "Files" in s.h.texts()  # the title
        s.shell.go(Place("clients"))
        await s.h.settle()
        assert s.shell._stage.shown is s.shell.view("clients")
        assert "files" not in [view.key for view in s.shell._stage.made]  # nobody waits for it any more
        assert not s.shell._stage._blank.visible


async def test_a_view_that_cannot_be_made_says_so_and_can_be_left() -> None:
    def build(*_: object) -> BoundView:
        raise ZeroDivisionError

    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        views = (VIEWS[0], replace(VIEWS[1], name="broken", label="Broken", build=build))
        shell = Shell(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context, views=views)
        h.mount(shell)
        shell.go(Place("broken"))
        await h.settle()
        assert "Broken cannot be shown: this is a fault of the console" in h.texts(shell._stage.control)
        assert [where for where, _ in h.reports] == ["broken"]
        shell.go(Place(VIEWS[0].name))
        await h.settle()
        assert shell.view(VIEWS[0].name).looking


async def test_a_real_fleet_is_not_called_simulated() -> None:
    async with stage() as s:
        s.streams.link.on_next(Link(state=LinkState.LIVE, since=s.h.now()))
        s.h.frame()
        assert "Simulated fleet" not in s.h.texts()


async def test_switching_hides_one_view_and_shows_another_in_one_small_patch() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        await s.h.settle()
        s.shell.go(Place("dashboard"))
        s.h.frame()
        s.h.clear()
        dashboard, clients = s.shell.view("dashboard"), s.shell.view("clients")
        s.shell.go(Place("clients"))
        assert sorted(op.value for op in s.h.ops() if op.what == "visible") == [False, True]
        assert s.h.bytes < 300
        s.h.frame()
        assert not dashboard.looking
        assert clients.looking
        assert s.shell.current == "clients"


async def test_only_the_view_that_is_shown_looks() -> None:
    async with stage() as s:
        looking = [spec.name for spec in VIEWS if s.shell.view(spec.name).looking]
        assert looking == ["dashboard"]


async def test_keys_switch_views_unless_somebody_types() -> None:
    async with stage() as s:
        await _press(s.h, "2")
        assert s.shell.current == VIEWS[1].name
        s.h.context.typing = True
        await _press(s.h, "1")
        assert s.shell.current == VIEWS[1].name
        await _press(s.h, "1", ctrl=True)
        assert s.shell.current == VIEWS[0].name
        await _press(s.h, "9")
        await _press(s.h, "2", alt=True)
        assert s.shell.current == VIEWS[0].name


async def test_the_rail_switches_views() -> None:
    async with stage() as s:
        rail = s.h.find(ft.NavigationRail)
        await s.h.fire(rail, "change", 1, selected_index=1)
        assert s.shell.current == VIEWS[1].name


async def test_the_rail_has_labels_beside_its_icons_where_there_is_room() -> None:
    async with stage(width=1920, height=1080) as s:
        rail = s.h.find(ft.NavigationRail)
        assert rail.extended
        s.shell.on_resize(1280, 800)
        assert not rail.extended
        assert rail.label_type is ft.NavigationRailLabelType.ALL


async def test_f1_lists_the_keys() -> None:
    async with stage() as s:
        await _press(s.h, "F1")
        sheet = s.h.find(ft.AlertDialog)
        assert "Ctrl+1 … 9" in s.h.texts(sheet)
        uncoloured = [text.value for text in s.h.find_all(ft.Text, sheet) if text.color is None]
        assert uncoloured == ["Keys"]  # the title has its colour from the dialog; in others it is black


async def test_the_theme_turns_and_is_remembered() -> None:
    async with stage() as s:
        await s.h.fire(_button(s.h, "Theme: as the system"), "click")
        assert s.h.page.theme_mode is ft.ThemeMode.LIGHT
        await s.h.fire(_button(s.h, "Theme: light"), "click")
        assert s.h.page.theme_mode is ft.ThemeMode.DARK
        assert any(op.what == "theme_mode" and op.value == "dark" for op in s.h.ops())
        assert s.h.context.prefs.get("shell.theme") == "dark"


async def test_the_last_view_and_theme_are_there_at_the_next_start() -> None:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        streams.fill()
        h.context.prefs.put("shell.view", "clients")
        h.context.prefs.put("shell.theme", "dark")
        shell = build_console(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context)
        assert shell.current == "clients"
        assert h.page.theme_mode is ft.ThemeMode.DARK
        assert shell.view("clients").looking


async def test_the_connection_panel_listens_only_while_it_is_open() -> None:
    async with stage() as s:
        latency = s.streams.latency
        assert not latency.observers
        chip = s.h.find(ft.Container, key="connection pill")
        await s.h.fire(chip, "click")
        texts = s.h.texts()
        assert "Event to screen, 99 % under" in texts
        assert "46 ms" in texts
        assert len(latency.observers) == 1
        await s.h.fire(s.h.find(ft.FilledTonalButton, content="Try now"), "click")
        assert s.commands.calls == [("reconnect", None)]
        await _press(s.h, "Escape")
        assert not latency.observers
        assert "Event to screen, 99 % under" not in s.h.texts()


async def test_a_lost_server_is_told_in_a_bar_with_the_next_try() -> None:
    async with stage() as s:
        now = s.h.now()
        failure = Failure(code="server_refused", message="Nothing listens at localhost:1256.", since=now)
        s.streams.link.on_next(Link(state=LinkState.DOWN, since=now, failure=failure))
        s.h.advance(3.05)
        bar = next(t for t in s.h.texts() if t.startswith("No connection"))
        assert bar == "No connection for 3 s, since 12:00:00. Nothing listens at localhost:1256."
        assert "down" in s.h.texts()
        await s.h.fire(s.h.find(ft.TextButton, content="Try now"), "click")
        assert s.commands.calls == [("reconnect", None)]
        s.streams.link.on_next(Link(state=LinkState.LIVE, since=s.h.now()))
        s.h.frame()
        assert not any(t.startswith("No connection") for t in s.h.texts())


async def test_a_minimised_window_or_a_lost_page_looks_at_nothing() -> None:
    async with stage() as s:
        dashboard = s.shell.view("dashboard")
        s.shell.set_awake(False)
        assert not dashboard.looking
        assert not any(subject.observers for subject in s.streams.snapshots())
        assert not s.streams.link.observers
        s.shell.set_awake(True)
        assert dashboard.looking
        await s.h.fire(s.h.page, "disconnect")
        assert not s.streams.link.observers
        await s.h.fire(s.h.page, "connect")
        assert dashboard.looking
        await s.h.fire(s.h.page, "close")
        assert not s.streams.link.observers


async def test_a_handler_that_fails_says_so_instead_of_covering_the_console() -> None:
    async with stage() as s:
        button = ft.Button("x", on_click=lambda _: 1 // 0)
        s.h.page.add(button)
        await s.h.fire(button, "click")
        assert s.h.reports
        s.h.reports.clear()
        assert "fault of the console" in s.h.context.messages.all[0].text
        assert not s.h.crashes


async def test_an_unknown_place_leads_nowhere() -> None:
    async with stage() as s:
        s.shell.go(Place("nowhere"))
        assert s.shell.current == "dashboard"


async def test_a_place_is_handed_to_its_view_and_keys_to_the_one_that_is_shown() -> None:
    class Probe(BoundView):
        def __init__(self, *, context: UiContext) -> None:
            super().__init__(context=context, key="probe", content=ft.Text("probe"))
            self.arrived: list[str] = []
            self.keys: list[str] = []
            self.bind(subject, lambda _: None)

        def arrive(self, show: str) -> None:
            self.arrived.append(show)

        def on_key(self, event: ft.KeyboardEvent) -> bool:
            self.keys.append(event.key)
            return True

    subject: Subject[int] = Subject()
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        probe = Probe(context=h.context)
        views = (
            VIEWS[0],
            type(VIEWS[0])("probe", "Probe", ft.Icons.BUG_REPORT, ft.Icons.BUG_REPORT, lambda *_: probe),
        )
        shell = Shell(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context, views=views)
        h.mount(shell)
        h.context.go(Place("probe", "failed"))
        await h.settle()
        assert probe.arrived == ["failed"]
        assert len(subject.observers) == 1
        shell.on_key(
            ft.KeyboardEvent(
                name="keyboard_event",
                control=h.page,
                key="Arrow Down",
                shift=False,
                ctrl=False,
                alt=False,
                meta=False,
            )
        )
        assert probe.keys == ["Arrow Down"]


async def test_one_changed_value_does_not_walk_the_other_views() -> None:
    async with stage() as s:
        s.h.clear()
        s.streams.link.on_next(Link(state=LinkState.LIVE, since=s.h.now(), round_trip_s=0.02, simulated=True))
        s.h.frame()
        assert [op.value for op in s.h.ops()] == ["20 ms"]
        assert s.h.bytes < 60


async def test_the_theme_of_the_settings_holds_until_another_is_chosen() -> None:
    async with PageHarness.open() as h:
        h.context.theme = "dark"
        build_console(h.page, streams=FakeStreams(h.now).bag, commands=FakeCommands(), context=h.context)
        assert h.page.theme_mode is ft.ThemeMode.DARK


async def test_a_view_that_is_built_anew_while_it_is_shown_can_be_left() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        s.h.frame()
        before = s.shell.view("clients")
        s.shell.apply(Look(density=Density.COMPACT))
        s.h.frame()
        assert s.shell.view("clients") is not before
        await _press(s.h, "1")
        assert s.shell.current == "dashboard"
        await _press(s.h, "2")
        assert s.shell.view("clients").looking
