"""The server that a restore asks: its address, the key it is known by, and the token to ask with."""

import argparse
import asyncio
from pathlib import Path

import msgspec

from app.agent.address import Address, address_of, warn_of_plain_http
from app.agent.api import Api
from app.agent.identity import Identity, follow, load_identity
from app.agent.names import reason_of
from app.agent.terminal import warn
from app.agent.trust import ask, given_fingerprint, known_fingerprint, remember
from app.config import AgentSettings
from streams.model.failures import ConfigRejected, WrongCertificate


def token_of(path: Path) -> str:
    """Return the token that ``path`` holds."""
    hint = "It is console.token in the server's data folder."
    try:
        token = path.read_text("ascii").strip()
    except OSError as error:
        raise ConfigRejected(f"--token-file {path}: cannot be read: {reason_of(error)}.", hint=hint) from None
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise ConfigRejected(f"--token-file {path}: holds no token.", hint=hint)
    return token


def own_identity(folder: Path, name: str) -> Identity:
    """Return the identity that an agent keeps in ``folder``; it restores its own client only."""
    known = load_identity(folder)
    if known is None:
        raise ConfigRejected(f"--state {folder}: no agent has enrolled there.", hint="Check the folder.")
    if name not in (known.name, known.client_id):
        raise ConfigRejected(
            f"{folder} belongs to the client {known.name!r}, not to {name!r}.",
            hint="The files of another client need --token-file.",
        )
    return known


async def own_address(own: Identity, args: argparse.Namespace, settings: AgentSettings) -> Address:
    """Return where the server of the agent is; at another address it has to show that it is the same."""
    fingerprint = given_fingerprint(args.fingerprint) or own.fingerprint
    address = address_of(
        args.server or own.server,
        settings.ca_file,
        fingerprint=fingerprint,
        insecure_http=settings.insecure_http,
    )
    warn_of_plain_http(address, say=warn)
    if own.server != str(address):
        await follow(msgspec.structs.replace(own, fingerprint=fingerprint), address)
    return address


async def given_address(args: argparse.Namespace, settings: AgentSettings) -> Address:
    """Return the server's address with what it is known by; asks the person at the terminal where unknown."""

    def pinned(fingerprint: str) -> Address:
        return address_of(
            args.server, settings.ca_file, fingerprint=fingerprint, insecure_http=settings.insecure_http
        )

    if not args.server:
        raise ConfigRejected("--server is needed with --token-file.", hint="See --help.")
    url, given = pinned("").url, given_fingerprint(args.fingerprint)
    address = pinned(given or await asyncio.to_thread(known_fingerprint, url, args.token_file))
    warn_of_plain_http(address, say=warn)
    if address.tls is None or settings.ca_file is not None:
        return address
    try:
        async with Api(address) as api:  # without a token: nothing is sent to who is not trusted
            await api.health()
        if not given:
            return address
    except WrongCertificate as error:
        if given or await asyncio.to_thread(known_fingerprint, url, args.token_file):
            raise
        given = await ask(url, error)
    await asyncio.to_thread(remember, url, given)
    return pinned(given)
