"""Run the backup server, or enrol and revoke the clients of one.

The server keeps all it has under DIR: its catalogue, the stored contents, and console.token with the token
that a console needs. HTTP is on --port, the event sockets are on the next one.
"""

import argparse
import asyncio
import ipaddress
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

from app.catalogue.catalogue import Catalogue
from app.config.load import find_file, load_settings
from app.heap import still_heap
from app.logs import add_log_format, set_up_logs
from app.process import make_files_private, raise_file_limit
from app.server.ending import Ending
from app.server.folder import CATALOGUE_FILE
from app.server.ports import tls_context
from app.server.problems import BadCertificate, Refused, StartFailed
from app.server.routes.enrolment import client_name
from app.server.run import ServerInfo, serve

log = structlog.stdlib.get_logger(__name__)

THREADS = 16
"""For file and CPU work beside the loop."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``python -m app server`` takes."""
    parser.add_argument("action", nargs="?", choices=("enrol", "revoke"), help="instead of running a server")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the client to enrol or revoke")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of all that is kept")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of the HTTP API (default 1256; 0 takes a free one)")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM) for TLS")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="private key (PEM) of --tls-cert")
    parser.add_argument(
        "--new-catalogue",
        action="store_true",
        help="start although catalogue.db is gone; what was backed up before cannot be restored then",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    add_log_format(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say and return the exit code; raises ``TidewatchError`` where it cannot."""
    make_files_private()
    set_up_logs(level=args.log_level, form=args.log_format)
    if args.action is None:
        return _run_server(args)
    if not args.name:
        raise StartFailed(f"{args.action} needs the NAME of a client.", hint="See --help.")
    _check_data(args.data)
    act = {"enrol": _enrol, "revoke": _revoke}[args.action]
    return asyncio.run(_with_catalogue(args.data / CATALOGUE_FILE, act, args.name))


def _check_data(folder: Path) -> None:
    try:
        there = (folder / CATALOGUE_FILE).exists()
    except OSError as error:
        raise StartFailed(
            f"The data folder {folder} cannot be read: {error.strerror}.",
            hint="Run this as the user that the server runs as.",
        ) from error
    if not there:
        raise StartFailed(
            f"There is no server's data in {folder}.", hint=f"Run: python -m app server --data {folder}"
        )


def _run_server(args: argparse.Namespace) -> int:
    raise_file_limit()
    settings = load_settings(find_file(args.config), {"server": _given(args)}).server
    certificate, key = settings.tls_certificate, settings.tls_key
    if key is not None and certificate is None:
        raise BadCertificate("A key without a certificate cannot serve TLS.", hint="Give --tls-cert too.")
    tls = None if certificate is None else tls_context(certificate, key)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "tidewatch"))
        with ending.heard(), still_heap(asyncio.get_running_loop()):
            await serve(
                args.data,
                host=settings.host,
                port=settings.port,
                settings=settings,
                tls=tls,
                new_catalogue=args.new_catalogue,
                ready=ready,
                stop=ending.stop,
            )

    def ready(info: ServerInfo) -> None:
        ending.begun()
        _announce(info)

    ending = Ending()
    try:
        asyncio.run(main())
    finally:
        ending.closed()
    return ending.exit_code


def _given(args: argparse.Namespace) -> dict[str, Any]:
    flags = {
        "host": args.host,
        "port": args.port,
        "tls_certificate": args.tls_cert,
        "tls_key": args.tls_key,
    }
    return {name: value for name, value in flags.items() if value is not None}


def _announce(info: ServerInfo) -> None:
    _say(f"tidewatch: serving {info.url} (events on port {info.events_port})")
    if info.new_token is not None:
        _say(f"tidewatch: first start; the console's token is in {info.token_file}")
        _say(f"tidewatch: set-up token, shown this once: {info.new_token}")
    if not info.tls and not _loopback(info.host):
        log.warning(
            "reached_without_tls",
            host=info.host,
            hint="Tokens and files can be read on the way. Give --tls-cert and --tls-key.",
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _with_catalogue(
    path: Path, act: Callable[[Catalogue, str], Coroutine[Any, Any, int]], name: str
) -> int:
    catalogue = await Catalogue.open(path)
    try:
        return await act(catalogue, name)
    finally:
        await catalogue.close()


async def _enrol(catalogue: Catalogue, name: str) -> int:
    try:
        enrolment = await catalogue.enrolments.create(client_name(name))
    except Refused as refusal:
        raise StartFailed(refusal.problem.message) from None
    _say(enrolment.code)
    expires = enrolment.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
    print(f"for {enrolment.name}; it works once, until {expires}", file=sys.stderr)  # noqa: T201
    return 0


async def _revoke(catalogue: Catalogue, name: str) -> int:
    client = await catalogue.clients.by_name(name)
    if client is None:
        raise StartFailed(f"No client is named {name}.", hint="Names are case-sensitive.")
    await catalogue.tokens.revoke_client(client.id)
    _say(f"{name}: its token is revoked; enrol it again to let it back in")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
