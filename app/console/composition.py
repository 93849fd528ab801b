"""Composition root of the console: settings, bridge, streams, and a screen for each page that is opened."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import flet as ft
import psutil
import structlog

import ui
from app.bridge.access import kept_access
from app.bridge.checks import check_token
from app.bridge.probe import probe
from app.bridge.server_bridge import ServerBridge, open_bridge
from app.config import Settings
from app.config.desk import SettingsDesk, open_desk
from app.config.load import Flags
from app.config.watch import SettingsWatcher
from app.console.console_log import ConsoleLog
from app.console.local_zone import LOCAL_ZONE
from app.console.mock_server import simulated_server
from app.console.notifications import notifier
from app.console.prefs import FilePrefs
from app.console.sign_in import AccessDesk, SignIn, let_in
from app.console.start_report import StartReport
from app.runtime.tasks import Tasks
from app.runtime.user_folders import prefs_file
from streams.core.schedulers import LoopScheduler, RunTaskScheduler, redirect_default_timers
from streams.model.base import utc_now
from streams.model.failures import ConfigRejected
from streams.operators.spawning import Spawn
from streams.sources.build import build_streams
from streams.sources.console_load import ConsoleLoad
from streams.sources.latency import LatencyMeter
from streams.sources.registry import Streams
from streams.state.environment import Environment
from streams.state.manager import StateManager
from ui.base.backup_tracking import Followed
from ui.base.context import Look, Place, UiContext
from ui.base.deep_links import parse_link
from ui.base.delivery import HandOut
from ui.base.format import Formatter, Units
from ui.base.theme import Density
from ui.shell.app import build_console, dress
from ui.shell.registry import VIEWS
from ui.shell.shell import Shell

log = structlog.stdlib.get_logger(__name__)

ASSETS = Path(ui.__file__).parent / "assets"
"""What the client program may load: fonts, and nothing that is secret."""

ft.context.disable_auto_update()


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What all windows and browser tabs of this process share."""

    watcher: SettingsWatcher
    bridge: ServerBridge
    streams: Streams
    meter: LatencyMeter
    prefs: FilePrefs
    shells: dict[str, Shell]
    """The screens by the sessions of their pages."""
    desk: SettingsDesk
    access: AccessDesk
    hand_out: HandOut | None
    first: list[Place]
    """Where the first page begins; empty once it has."""
    loop: asyncio.AbstractEventLoop
    tasks: Tasks
    """What runs beside the screens."""
    followed: Followed = field(default_factory=Followed)
    """Backups that were asked for: how they end is told, whatever page is there by then."""

    def dress_page(self, page: ft.Page) -> None:
        """Give a page its look before it is shown; ``before_main`` of the Flet application."""
        dress(page, prefs=self.prefs, theme=look_of(self.watcher.current).theme)

    def open_page(self, page: ft.Page) -> None:
        """Build a screen on a page; ``main`` of the Flet application."""
        look = look_of(self.watcher.current)
        context = UiContext(
            scheduler=RunTaskScheduler(run_task_of(page, self.loop), report_fault),
            frame_s=look.frame_s,
            report=_report_at,
            measure=self._measure,
            overtaken=self.meter.overtaken,
            prefs=self.prefs,
            format=look.format,
            density=look.density,
            theme=look.theme,
            settings=self.desk,
            access=self.access,
            followed=self.followed,
            server_ahead_s=lambda: self.bridge.realtime.offset.seconds,
        )
        if page.web:
            context.hand_out = self.hand_out
        else:
            context.notify = notifier(self.tasks)
        shell = build_console(page, streams=self.streams, commands=self.bridge.commands, context=context)
        session_id = page.session.id
        self.shells[session_id] = shell
        if self.first:
            shell.go(self.first.pop())

        def on_close(_: object) -> None:
            del self.shells[session_id]
            suspend((shell,))

        page.on_close = on_close

    def _measure(self, seconds: float) -> None:
        # From a commit, by the server's clock, until now by ours.
        self.meter.shown(seconds + self.bridge.realtime.offset.seconds)

    def apply(self, settings: Settings) -> None:
        """Show every screen as the settings now say."""
        for shell in list(self.shells.values()):
            shell.apply(look_of(settings))

    def tell_rejected(self, error: ConfigRejected) -> None:
        """Say on every screen that the changed configuration is not taken."""
        for shell in self.shells.values():
            shell.context.messages.error("The changed settings are not taken", detail=error.line())


RunTask = Callable[..., "Future[Any]"]


def run_task_of(page: ft.Page, loop: asyncio.AbstractEventLoop) -> RunTask:
    """Return ``page.run_task``, which also works while the page's browser is away."""

    def run_task(handler: Callable[..., Coroutine[Any, Any, Any]], /, *args: Any) -> "Future[Any]":
        # Without a connection there is no loop by way of the page; it would make the coroutine and lose it.
        if connected(page):
            return page.run_task(handler, *args)
        return asyncio.run_coroutine_threadsafe(handler(*args), loop)

    return run_task


def connected(page: ft.Page) -> bool:
    """Return whether a browser or window has the page now."""
    try:
        return page.session.connection is not None  # pyright: ignore[reportUnnecessaryComparison]
    except RuntimeError:  # the session has ended for good
        return False


def report_fault(error: BaseException) -> None:
    """Log a mistake of the program with its trace."""
    log.error("fault", exc_info=error)


def _report_at(where: str, error: BaseException) -> None:
    log.error("fault", where=where, exc_info=error)


def look_of(settings: Settings) -> Look:
    """Return what the settings say of how things are shown."""
    return Look(
        format=Formatter(Units(settings.ui.units), time_zone(settings.ui.time_zone)),
        density=Density(settings.ui.density),
        theme=settings.ui.theme,
        frame_s=settings.streams.frame_s,
    )


def place_of(link: str) -> Place:
    """Return the place that a link names; raise ConfigRejected if there is none."""
    names = [spec.name for spec in VIEWS]
    place = parse_link(link)
    if place is None or place.view not in names:
        raise ConfigRejected(
            f"--open {link}: there is no such place.",
            hint=f"Write a view ({', '.join(names)}) or a link: clients/NAME, clients?state=failing.",
        )
    return place


def time_zone(name: str) -> tzinfo:
    """Return the zone of the setting ui.time_zone."""
    return LOCAL_ZONE if name == "local" else ZoneInfo(name)


@asynccontextmanager
async def running_console(
    settings: Settings,
    path: Path | None = None,
    flags: Flags | None = None,
    *,
    open_at: str = "",
    report: StartReport | None = None,
    sign_in: SignIn | None = None,
    hand_out: HandOut | None = None,
) -> AsyncGenerator[Console]:
    """Start all that lies under the screen, in order, and end it in the reverse order.

    Raises the failure of the check that did not pass, before anything is shown; with ``sign_in`` a person is
    asked for what is missing. ``hand_out`` gives files to browsers that show a page.
    """
    first = [place_of(open_at)] if open_at else []
    report = report or StartReport(lambda _: None)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        tasks = Tasks()
        stack.push_async_callback(tasks.close)
        scheduler = LoopScheduler(loop, report_fault)
        stack.enter_context(redirect_default_timers(scheduler))
        own_log = stack.enter_context(ConsoleLog().listening())
        watcher = SettingsWatcher(settings, path, flags)
        prefs = FilePrefs(prefs_file(), tasks)
        await prefs.load()
        stack.push_async_callback(prefs.flush)
        connection, disconnect = settings.connection, None
        if connection.mock_mode:
            fleet = f"starting a server with a simulated fleet of {settings.mock.clients} clients"
            async with report.step(fleet):
                simulated = await stack.enter_async_context(simulated_server(settings.mock, connection))
            connection, disconnect = simulated.connection, simulated.disconnect
        spawn: Spawn = lambda body: tasks.start(body(), "stream")  # noqa: E731
        access = await kept_access(connection)

        async def connect() -> ServerBridge:
            async with report.step(f"connecting to {access.server}"):
                return await open_bridge(
                    connection, lambda: watcher.current, access=access, scheduler=scheduler, spawn=spawn
                )

        bridge = await let_in(connect, connection, access, sign_in)
        stack.push_async_callback(bridge.close)
        meter = LatencyMeter()
        bridge.realtime.on_event = meter.arrived
        shells: dict[str, Shell] = {}
        offset = bridge.realtime.offset
        load = console_load(meter, shells.values(), lambda: utc_now() + timedelta(seconds=offset.seconds))
        stack.callback(load.run(scheduler=scheduler, report=report_fault).dispose)
        streams, state = _streams(bridge, watcher, scheduler, meter, own_log, load=load)
        stack.callback(state.close)
        console = Console(
            watcher=watcher,
            bridge=bridge,
            streams=streams,
            meter=meter,
            prefs=prefs,
            shells=shells,
            desk=await open_desk(watcher, probe),
            access=AccessDesk(connection, access, lambda: check_token(bridge.http)),
            hand_out=hand_out,
            first=first,
            loop=loop,
            tasks=tasks,
        )
        stack.callback(suspend, shells.values())
        stack.callback(watcher.rejected.subscribe(console.tell_rejected).dispose)
        stack.callback(watcher.settings.subscribe(console.apply).dispose)
        tasks.keep(watcher.run, "settings")
        if disconnect is not None:
            stack.callback(disconnect)  # it ends while we do
        yield console


def console_load(
    meter: LatencyMeter, shells: Iterable[Shell], now: Callable[[], datetime] = utc_now
) -> ConsoleLoad:
    """Return what measures this process: memory from the operating system, frames of all its windows.

    ``now`` is the server's clock, by which the analytics ask for all of their periods.
    """
    process = psutil.Process()
    return ConsoleLoad(
        meter,
        memory_bytes=lambda: process.memory_info().rss,
        frames=lambda: sum(shell.context.frames.drawn for shell in shells),
        now=now,
    )


def _streams(
    bridge: ServerBridge,
    watcher: SettingsWatcher,
    scheduler: LoopScheduler,
    meter: LatencyMeter,
    own_log: ConsoleLog,
    *,
    load: ConsoleLoad,
) -> tuple[Streams, StateManager]:
    def stale_factor() -> float:
        return watcher.current.streams.stale_factor

    def linger_s() -> float:
        return watcher.current.streams.linger_s

    began = bridge.connection.lost_since
    state = StateManager(
        scheduler, report=report_fault, stale_factor=stale_factor, linger_s=linger_s, began=began
    )
    streams = build_streams(
        bridge.ports,
        bridge.reading,
        state,
        Environment(scheduler, report_fault, utc_now, stale_factor, linger_s, began),
        link=bridge.connection.link,
        latency=meter.stream(scheduler=scheduler),
        own_log=own_log,
        console_load=partial(load.stream, scheduler=scheduler),
        database=bridge.database_ports,
        server_now=lambda: utc_now() + timedelta(seconds=bridge.realtime.offset.seconds),
    )
    return streams, state


def suspend(shells: Iterable[Shell]) -> None:
    """Let these screens look at nothing any more, whether their page is still there or not."""
    for shell in shells:
        try:
            shell.set_awake(False)
        except RuntimeError as error:  # a page that is gone already refuses its last update
            log.debug("shell_gone", reason=str(error))
