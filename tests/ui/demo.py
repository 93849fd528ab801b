"""Serves the console with a made-up fleet that moves, to be looked at: ``python -m tests.ui.demo --port N``.

``--state`` chooses what there is to see: full, loading, empty, error, lost, stopped or trouble.
"""

import argparse
import asyncio
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flet as ft
import msgspec
import uvicorn

from app.console.composition import ASSETS, look_of
from app.console.web import HOST, OriginGuard
from app.console.web_page import PageScripts
from streams.core.schedulers import LoopScheduler, RunTaskScheduler
from streams.model.vocabulary import ClientState, ServerState
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fake_settings import settings_desk
from tests.ui.fakes import FakeStreams
from tests.ui.real_database import database_of
from ui.base.context import SessionPrefs, UiContext
from ui.shell.app import build_console, dress

STATES = ("full", "loading", "empty", "error", "lost", "stopped", "trouble")


def _trouble(streams: FakeStreams) -> None:
    """Let a third of the fleet fail, and the server be stopped."""
    now = _now()
    status = msgspec.structs.replace(
        fleet.status(now), state=ServerState.STOPPED, state_since=now - timedelta(minutes=7)
    )
    streams.status.on_next(streams.ok(status))
    for number, name in enumerate(fleet.NAMES[:30]):
        if number % 2 == 0:
            client = fleet.client_of(name, now)
            since = now - timedelta(minutes=13 * number)
            reason = "timed out: the network share //nas-home/projects did not answer for 120 s"
            streams.clients.put(msgspec.structs.replace(client, failing_since=since, failure_reason=reason))


def _now() -> datetime:
    return datetime.now(UTC)


async def _move(streams: FakeStreams) -> None:
    """Let backups go on, lines be logged, loads swing and a machine come and go."""
    step = 0
    while True:
        await asyncio.sleep(0.25)
        step += 1
        now = _now()
        for i, name in enumerate(fleet.RUNNING):
            ratio = (0.64, 0.22, 0.91, 0.02)[i] + step * 0.0015 * (4 - i)
            streams.progress.put(fleet.progress_of(name, ratio % 1.0, now), committed_at=now)
        if step % 4 == 0:
            streams.status.on_next(streams.ok(fleet.status(now)))
            streams.logs.say(streams.logs.line(step, now))
        if step % 40 == 0:
            streams.load.on_next(streams.ok(fleet.load(now + timedelta(seconds=step))))
            client = fleet.client_of("web-05", now)
            streams.clients.put(client)
            off = fleet.client_of("app-02", now)
            state = ClientState.ONLINE if step % 80 else ClientState.OFFLINE
            streams.clients.put(msgspec.structs.replace(off, state=state))


def main() -> None:
    """Read the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8650)
    parser.add_argument("--state", default="full", choices=STATES)
    parser.add_argument("--theme", default="system", choices=("system", "light", "dark"))
    parser.add_argument("--view", default="dashboard")
    parser.add_argument("--database", type=Path, help="a real SQLite file for the database view")
    parser.add_argument("--tab", default="data", help="the tab of the database view")
    parser.add_argument("--still", action="store_true", help="nothing moves")
    args = parser.parse_args()
    streams = FakeStreams(_now)
    if args.state in ("full", "lost", "stopped", "trouble"):
        streams.fill()
    if args.state == "stopped":
        status = fleet.status(_now())
        streams.status.on_next(streams.ok(msgspec.structs.replace(status, state=ServerState.STOPPED)))
    elif args.state == "trouble":
        _trouble(streams)
    elif args.state == "lost":
        streams.lose()
    elif args.state == "empty":
        streams.empty()
    elif args.state == "error":
        streams.fail()

    async def page_main(page: ft.Page) -> None:
        def report(where: str, error: BaseException) -> None:
            print(f"REPORT {where}: {error!r}", flush=True)  # noqa: T201

        context = UiContext(
            scheduler=RunTaskScheduler(page.run_task, lambda e: report("scheduler", e)), report=report
        )
        context.prefs.put("shell.theme", args.theme)
        context.prefs.put("shell.view", args.view)
        context.prefs.put("database.tab", args.tab)
        bag = streams.bag
        if args.database is not None:
            scheduler = LoopScheduler(asyncio.get_running_loop(), lambda e: report("streams", e))
            bag = replace(bag, database=database_of(args.database, scheduler)[0])
        desk, watcher = await settings_desk(Path(folder))
        context.settings = desk
        shell = build_console(page, streams=bag, commands=FakeCommands(), context=context)
        watcher.settings.subscribe(lambda settings: shell.apply(look_of(settings)))
        if args.state == "full" and not args.still:
            page.run_task(_move, streams)

    with tempfile.TemporaryDirectory(prefix="tidewatch-demo-") as folder:
        served: Any = ft.run(
            page_main,
            before_main=lambda page: dress(page, prefs=SessionPrefs(), theme=args.theme),
            assets_dir=str(ASSETS),
            no_cdn=True,
            export_asgi_app=True,
        )
        # As the program serves itself: with headers of Flet letters are drawn wrong now and then.
        guarded: Any = OriginGuard(PageScripts(served), args.port)
        uvicorn.run(guarded, host=HOST, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
