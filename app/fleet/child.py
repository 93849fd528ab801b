"""Run the backup server on loopback ports with a simulated fleet; the console of mock mode starts this.

Prints one line of JSON when it is ready, and ends when its standard input does, so that it cannot outlive the
console that started it, however that ends.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from app.fleet.fleet import Plan, run_fleet
from app.fleet.scenarios import Scenario, server_settings
from app.fleet.seeding import Member, prepare
from app.runtime.gc_tuning import still_heap
from app.runtime.logging import set_up_logs
from app.runtime.process import make_files_private, raise_file_limit
from app.runtime.tasks import Tasks
from app.server.run import ServerInfo, serve
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

HOST = "127.0.0.1"
END_S = 1.5
"""How long the fleet may take to end before the server is stopped anyway."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.fleet.child", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's folder")
    parser.add_argument("--clients", type=int, default=45, metavar="N", help="how many (default: 45)")
    parser.add_argument("--seed", type=int, default=1256, metavar="S", help="start of chance (default: 1256)")
    parser.add_argument(
        "--pace", type=float, default=1.0, metavar="P", help="how many times as fast it lives (default: 1)"
    )
    parser.add_argument(
        "--scenario", default="", choices=[scenario.value for scenario in Scenario], metavar="NAME",
        help="what happens to the fleet: " + ", ".join(filter(None, Scenario)),
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=0, metavar="P", help="port (default: one that is free)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the log to FILE (default: stderr)")
    parser.add_argument(
        "--quiet", action="store_true", help="all clients are online and send heartbeats and nothing else"
    )
    parser.add_argument(
        "--events-per-second", type=float, default=0.0, metavar="R",
        help="make R events a second through the API, as load",
    )  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the standard input ends or a signal comes; return the exit code."""
    words = _parser().parse_args(arguments)
    make_files_private()
    raise_file_limit()
    set_up_logs(level="info", file=words.log)
    plan = Plan(
        words.clients, words.seed, pace=words.pace, scenario=Scenario(words.scenario), quiet=words.quiet,
        events_per_second=words.events_per_second,
    )  # fmt: skip
    try:
        asyncio.run(_run(words.data, words.port, plan))
    except TidewatchError as error:
        print(f"tidewatch: {error.line()}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


async def _run(data: Path, port: int, plan: Plan) -> None:
    with still_heap(asyncio.get_running_loop()):
        await _serve(data, port, plan)


async def _serve(data: Path, port: int, plan: Plan) -> None:
    stop = asyncio.Event()
    _stop_with_parent(stop)
    data.mkdir(parents=True, exist_ok=True)
    members = await prepare(data, count=plan.clients, seed=plan.seed, quiet=plan.quiet)
    free_bytes = (await asyncio.to_thread(shutil.disk_usage, data)).free
    ready: asyncio.Future[ServerInfo] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(
            data,
            host=HOST,
            port=port,
            settings=server_settings(plan.scenario, free_bytes, plan.clients),
            simulated=True,
            ready=ready.set_result,
            stop=stop,
        )
    )
    await asyncio.wait((server, ready), return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        await server
        return
    await _live(ready.result(), members, plan, server, stop)


async def _live(
    info: ServerInfo, members: tuple[Member, ...], plan: Plan, server: asyncio.Task[None], stop: asyncio.Event
) -> None:
    tasks = Tasks()
    fleet = tasks.start(run_fleet(info, members, plan, tasks), "fleet")
    try:
        _say_ready(info)
        ending = asyncio.ensure_future(stop.wait())
        await asyncio.wait((server, fleet, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
    finally:
        stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await tasks.close()
        await server


def _say_ready(info: ServerInfo) -> None:
    line = {
        "host": info.host,
        "port": info.port,
        "events_port": info.events_port,
        "token_file": str(info.token_file),
        "database_path": str(info.database_path),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the standard input ends or a signal asks for it."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        finally:  # also where it cannot be read any more: nobody would end this process then
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself meanwhile
                loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="watch-stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
