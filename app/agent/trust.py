"""Trust in a server: which public key to expect of it, kept in this user's state folder once known."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import platformdirs
from yarl import URL

from app.agent.names import reason_of
from app.runtime.private_folder import make_private, write_private
from app.wire.tls import fingerprint_at, parse_fingerprint
from streams.model.failures import ConfigRejected, ServerUnreachable, WrongCertificate

FILE_NAME = "known_servers.json"
FINGERPRINT_FILE = "server.fingerprint"
"""Beside console.token in the server's data folder, for programs on the same machine."""
CONNECT_S = 10.0


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say how the server is known."""
    add = parser.add_argument
    add("--fingerprint", metavar="SHA256", help="public key of the server, as it prints it; kept")
    add("--ca-file", metavar="FILE", type=Path, help="certificates (PEM) to trust instead [agent.ca_file]")
    add("--insecure-http", action="store_true", help="allow plain HTTP to another machine")


def trust_flags(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that these flags give."""
    flags = {"ca_file": args.ca_file, "insecure_http": args.insecure_http or None}
    return {name: value for name, value in flags.items() if value is not None}


def given_fingerprint(text: str | None) -> str:
    """Return the fingerprint given with ``--fingerprint``, empty for none; raises ``ConfigRejected``."""
    try:
        return parse_fingerprint(text) if text else ""
    except ValueError:
        raise ConfigRejected(
            f"--fingerprint {text!r} is none.",
            hint="It is sha256: and 43 characters, as the server prints it.",
        ) from None


def known_fingerprint(url: URL, beside: Path | None = None) -> str:
    """Return the fingerprint known of the server at ``url``; empty where there is none.

    ``beside`` is a file in the server's own data folder, where its fingerprint lies too.
    """
    if beside is not None:
        try:
            return parse_fingerprint(beside.with_name(FINGERPRINT_FILE).read_text("ascii"))
        except (OSError, ValueError):
            pass  # another folder, or none of ours: then what was kept counts
    return _kept().get(url.authority, "")


def remember(url: URL, fingerprint: str) -> None:
    """Keep the fingerprint of the server at ``url``; raises ``ConfigRejected``."""
    file = _file()
    try:
        make_private(file.parent, files=("*.json*", "*.html"), folders=("agent",))
        kept = json.dumps({**_kept(), url.authority: fingerprint}, indent=1, sort_keys=True)
        write_private(file, kept.encode("ascii"))
    except OSError as error:
        raise ConfigRejected(f"{file}: cannot be written: {reason_of(error)}.", hint="") from None


async def ask(url: URL, reason: WrongCertificate) -> str:
    """Ask the person at the terminal whether the key of the server at ``url`` is the right one.

    Raises ``reason`` where there is no terminal or the answer is no.
    """
    assert url.host is not None and url.port is not None
    try:
        seen = await fingerprint_at(url.host, url.port, CONNECT_S)
    except (OSError, ValueError) as error:
        raise ServerUnreachable(f"{url}: its key cannot be read: {error}.") from None
    reason.hint = f"Its key is {seen}. If that is what the server printed, give it with --fingerprint."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise reason
    sys.stderr.write(f"The key of {url.authority} is {seen}\nCompare it with what the server printed.\n")
    sys.stderr.write("Is it the same? Write yes to go on: ")
    sys.stderr.flush()
    answer = await asyncio.to_thread(sys.stdin.readline)
    if answer.strip().lower() != "yes":
        raise reason
    return seen


def _file() -> Path:
    return Path(platformdirs.user_state_dir("tidewatch", False)) / FILE_NAME


def _kept() -> dict[str, str]:
    try:
        kept = json.loads(_file().read_text("ascii"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
