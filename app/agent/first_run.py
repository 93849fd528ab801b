"""An agent finds out who it is: as it was kept, newly enrolled, or at another address of its server."""

import argparse
import asyncio
import platform
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from app.agent.address import Address, address_of, warn_of_plain_http
from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.failures import Refusal, is_lasting
from app.agent.identity import (
    Identity,
    check_name,
    enrol,
    enrolment_key,
    follow,
    load_identity,
    save_identity,
)
from app.agent.terminal import warn
from app.agent.trust import given_fingerprint
from app.config import AgentSettings
from app.wire.http import enrol_command
from app.wire.tls import split_code
from streams.model.clients import Client
from streams.model.failures import ConfigRejected, TidewatchError, WrongToken

T = TypeVar("T")


async def identity_of(args: argparse.Namespace, folder: Path, settings: AgentSettings) -> Identity:
    """Return who we are: as kept, or newly enrolled where there is a code and no good token."""
    known = load_identity(folder)
    server, name = args.server or (known and known.server), args.name or (known and known.name)
    if not server or not name:
        raise ConfigRejected("The first run needs --server, --name and --code.", hint="See --help.")
    code, fingerprint = _code_and_fingerprint(args)
    address = address_for(server, settings, fingerprint or (known.fingerprint if known else ""))
    if fingerprint and address.tls is None:
        raise ConfigRejected(
            "This server speaks TLS: its code carries a fingerprint.", hint="Write https:// in --server."
        )
    warn_of_plain_http(address, say=warn)
    if known is not None and not code:
        check_name(known, name, folder)
        kept = known
        if fingerprint and fingerprint != known.fingerprint:
            known = msgspec.structs.replace(known, fingerprint=fingerprint)
        if known.server != str(address):
            known = await in_the_end(partial(follow, known, address), settings, once=args.once)
            warn(f"The server has moved from {kept.server} to {address}.")
        if known != kept:
            save_identity(folder, known)
        return known
    if (
        known is not None
        and (known.server, known.name, known.fingerprint) == (str(address), name, fingerprint)
        and await in_the_end(partial(_is_good, known, settings), settings, once=args.once)
    ):
        return known
    if not code:
        raise ConfigRejected(
            "The first run needs --code.",
            hint=f"Get one on the server with: {enrol_command(name)}.",
        )
    enrolling = partial(enrol, address, name, code, enrolment_key(folder), fingerprint)
    fresh = await in_the_end(enrolling, settings, once=args.once)
    save_identity(folder, fresh)
    return fresh


async def in_the_end(attempt: Callable[[], Awaitable[T]], settings: AgentSettings, *, once: bool) -> T:
    """Return what ``attempt`` gives; an agent that stays tries again for as long as that may help."""
    backoff = Backoff(platform.node(), base_s=settings.backoff_base_s, cap_s=settings.backoff_cap_s)
    while True:
        try:
            return await attempt()
        except TidewatchError as error:
            if once or is_lasting(error):
                raise
            if backoff.attempt == 0:
                warn(f"{error.line()} Trying again.")
            after_s = error.retry_after_s if isinstance(error, Refusal) else None
        await asyncio.sleep(max(after_s or 0.0, backoff.next_s()))


def address_for(server: str, settings: AgentSettings, fingerprint: str) -> Address:
    """Return where a server is and what it is known by."""
    return address_of(server, settings.ca_file, fingerprint=fingerprint, insecure_http=settings.insecure_http)


def _code_and_fingerprint(args: argparse.Namespace) -> tuple[str, str]:
    """Return the code without its fingerprint, and the one to pin: that of --fingerprint goes first."""
    try:
        code, fingerprint = split_code(args.code or "")
    except ValueError:
        raise ConfigRejected("--code: the part after the dot is not whole.", hint="Copy all of it.") from None
    return code, given_fingerprint(args.fingerprint) or fingerprint


async def _is_good(known: Identity, settings: AgentSettings) -> bool:
    async with Api(address_for(known.server, settings, known.fingerprint), known.token) as api:
        try:
            await api.call("GET", "/api/agent/client", Client)
        except WrongToken:
            return False
    return True
