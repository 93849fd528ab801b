"""Run the backup server.

The server keeps all it has under DIR: its catalogue, the stored contents, and console.token with the token
that a console needs. HTTP is on --port, the event sockets are on the next one.
"""

import argparse
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

from app.config import find_file, is_loopback
from app.config.configured import load_server
from app.config.sections import ServerSettings
from app.runtime.gc_tuning import still_heap
from app.runtime.logging import set_up_logs
from app.runtime.process import make_files_private, raise_file_limit
from app.server.certificate import pinned_fingerprint
from app.server.commands.shared import add_logging, say
from app.server.ports import OWN_TLS, ServedTls, tls_context
from app.server.problems import BadCertificate
from app.server.run import ServerInfo, serve
from app.server.shutdown import Ending

log = structlog.stdlib.get_logger(__name__)

THREADS = 16
"""For file and CPU work beside the loop."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``tidewatch server`` takes."""
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of all that is kept")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of the HTTP API (default 1256; 0 takes a free one)")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM) for TLS")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="private key (PEM) of --tls-cert")
    parser.add_argument(
        "--insecure-http",
        action="store_true",
        help="serve plain HTTP to other machines too, where tokens and files can be read on the way",
    )
    parser.add_argument(
        "--new-catalogue",
        action="store_true",
        help="start although catalogue.db is gone; what was backed up before cannot be restored then",
    )
    parser.add_argument(
        "--new-store",
        action="store_true",
        help="start although the store is gone or another one; what it lacks is to be sent again",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    add_logging(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to end and return the exit code; raises ``TidewatchError`` where it cannot start."""
    make_files_private()
    raise_file_limit()
    set_up_logs(level=args.log_level, form=args.log_format)
    configured = load_server(find_file(args.config), {"server": _given(args)})
    settings = configured.settings
    certificate, key = settings.tls_certificate, settings.tls_key
    if key is not None and certificate is None:
        raise BadCertificate("A key without a certificate cannot serve TLS.", hint="Give --tls-cert too.")
    tls = _served_tls(settings, certificate, key)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "tidewatch"))
        with ending.heard(), still_heap(asyncio.get_running_loop()):
            await serve(
                args.data,
                host=settings.host,
                port=settings.port,
                settings=configured,
                tls=tls,
                new_catalogue=args.new_catalogue,
                new_store=args.new_store,
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


def _served_tls(settings: ServerSettings, certificate: Path | None, key: Path | None) -> ServedTls | None:
    """Return how TLS is served: beyond loopback always, unless plain HTTP was asked for by its name."""
    if certificate is not None:
        context = tls_context(certificate, key)
        return ServedTls(context, pinned_fingerprint(certificate))
    return None if is_loopback(settings.host) or settings.insecure_http else OWN_TLS


def _given(args: argparse.Namespace) -> dict[str, Any]:
    flags = {
        "host": args.host,
        "port": args.port,
        "tls_certificate": args.tls_cert,
        "tls_key": args.tls_key,
        "insecure_http": args.insecure_http or None,
    }
    return {name: value for name, value in flags.items() if value is not None}


def _announce(info: ServerInfo) -> None:
    say(f"tidewatch: serving {info.url} (events on port {info.events_port})")
    if info.new_token is not None:
        say(f"tidewatch: first start; the console's token is in {info.token_file}")
        if sys.stdout.isatty():
            say(f"tidewatch: set-up token, shown this once: {info.new_token}")
    if info.fingerprint:
        say(f"tidewatch: its key is {info.fingerprint}")
    if not info.tls and not is_loopback(info.host):
        log.warning(
            "insecure_http",
            host=info.host,
            hint="Tokens and files can be read on the way. Leave out --insecure-http to serve TLS.",
        )
