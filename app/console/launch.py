"""Look at a backup server: what every client does, as it happens.

Without a configuration it starts a server with a simulated fleet on this machine and shows that one.
To look at a real server, write three lines into tidewatch.toml:

  [connection]
  mock_mode = false
  host = "backup.example.org"
  database_path = "/srv/tidewatch/catalogue.db"
"""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config import Settings, find_file, load_settings
from app.config.load import Flags
from app.console.start_report import StartReport
from app.runtime.gc_tuning import still_heap
from app.runtime.logging import add_log_format, set_up_logs
from app.runtime.process import make_files_private, raise_file_limit
from app.runtime.tasks import to_the_end
from streams.model.safe_text import terminal_text

if TYPE_CHECKING:
    from app.console.front import Front


@dataclass(frozen=True, slots=True)
class _Start:
    """What the command line asks of the console."""

    settings: Settings
    path: Path | None
    flags: Flags
    web: bool
    port: int | None
    open_at: str
    report: StartReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the console."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE",
        help="configuration file (default: $TIDEWATCH_CONFIG, ./tidewatch.toml, then the user's)",
    )  # fmt: skip
    parser.add_argument(
        "--web",
        action="store_true",
        help="serve the console to a browser on this machine; prints the address",
    )
    parser.add_argument("--port", type=_port, metavar="N", help="port of --web (default: one that is free)")
    parser.add_argument(
        "--open", metavar="LINK", default="", dest="open_at",
        help="begin there: a view such as files, or a link such as clients/NAME, files/NAME/PATH "
        "(the name is a client's) or clients?state=failing; the menu of a row copies one",
    )  # fmt: skip
    parser.add_argument(
        "--fingerprint", metavar="SHA256",
        help="public key of the server, as it prints it (connection.fingerprint)",
    )  # fmt: skip
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the log to FILE (default: stderr)")
    add_log_format(parser)
    parser.add_argument("--verbose", action="store_true", help="log what goes on, not only what goes wrong")


def _port(text: str) -> int:
    if text.isdigit() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535; 0 means one that is free)")


def run(args: argparse.Namespace) -> int:
    """Run the console until its window is closed or a signal comes; return the exit code."""
    make_files_private()
    raise_file_limit()
    set_up_logs(level="info" if args.verbose else "warning", file=args.log, form=args.log_format)
    path = find_file(args.config)
    flags: Flags = {"connection": {"fingerprint": args.fingerprint}} if args.fingerprint else {}
    settings = load_settings(path, flags)
    # A setting that is refused is the only line; reading them takes no time that anybody waits for.
    report = StartReport()
    report.tell("starting the console")
    web = args.web or args.port is not None
    start = _Start(settings, path, flags, web, args.port, args.open_at, report)
    asyncio.run(_until_stopped(start))
    return 0


async def _until_stopped(start: _Start) -> None:
    """Run the console; the first signal ends it in order, whatever it is doing."""
    task = asyncio.current_task()
    assert task is not None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        with still_heap(asyncio.get_running_loop()):
            await _show(start)
    except asyncio.CancelledError:
        if not stopped:
            raise


async def _show(start: _Start) -> None:
    # Flet takes a while to import; --help and a refused setting need not wait for it.
    from app.console.composition import running_console
    from app.console.desktop import why_no_window
    from app.console.front import Front
    from app.console.sign_in import SignIn
    from app.console.web import listen
    from app.console.web_address import kept_secret

    web, reason = start.settings.web, ""
    if not start.web:
        async with start.report.step("looking for the desktop client"):
            reason = await why_no_window()
    port = web.port if start.port is None else start.port
    listening = listen(port) if start.web or reason else None
    try:
        secret = await kept_secret() if web.keep_path else None
        # A person is there where a window opens, or a terminal is at the other end.
        asks = listening is None or sys.stdin.isatty()
        connection = start.settings.connection
        sign_in = SignIn(f"{connection.host}:{connection.port}") if asks else None
        front = Front(
            start.settings,
            sign_in,
            lambda console: _tell_database(console.bridge.database_place, start.settings),
        )
        opening = running_console(
            start.settings,
            start.path,
            start.flags,
            open_at=start.open_at,
            report=start.report,
            sign_in=sign_in,
            hand_out=front.handouts.offer,
        )
        life = asyncio.create_task(front.live(opening), name="console")
        try:
            if await front.ready(life):
                start.report.tell("the server asks for something that only you know: see the page")
            await _first_to_end(life, _serve(start, front, listening, reason, secret))
        finally:
            await front.close(life)
        life.result()
    finally:
        if listening is not None:
            listening.close()


async def _serve(
    start: _Start, front: "Front", listening: socket.socket | None, reason: str, secret: str | None
) -> None:
    """Show the pages in a window, or serve them to a browser where there can be none."""
    from app.console.browser_page import BrowserPage
    from app.console.desktop import run_window
    from app.console.web import listen, serve_web

    if listening is None:
        start.report.tell("opening the window")
        if await run_window(front):
            return
        reason = "the client program for windows does not run here"
        listening = listen(start.settings.web.port if start.port is None else start.port)
    page = BrowserPage()

    async def opened(address: str) -> None:
        _tell(address, reason)
        if reason and "display" not in reason:
            await page.open(address)

    try:
        await serve_web(front, listening, opened, front.handouts, secret=secret)
    finally:
        page.remove()
        listening.close()


async def _first_to_end(life: "asyncio.Task[None]", serving: Coroutine[Any, Any, None]) -> None:
    """Serve until that ends, or the console does; raise what ended it."""
    task = asyncio.create_task(serving, name="pages")
    try:
        await asyncio.wait({task, life}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
        await to_the_end(task)
    if not task.cancelled():
        task.result()


def _tell_database(place: str, settings: Settings) -> None:
    """Print which machine reads the database: this one, or the server that is asked."""
    if place and not settings.connection.mock_mode:
        sys.stdout.write(terminal_text(f"Database: {place}.") + "\n")
        sys.stdout.flush()


def _tell(address: str, reason: str) -> None:
    """Print the one line that tells where the console is, and why it is not in a window."""
    why = f" (in the browser, since {reason})" if reason else ""
    sys.stdout.write(f"Tidewatch console{why}: {address}\n")
    sys.stdout.flush()
