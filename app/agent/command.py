"""Back up folders of this machine to a Tidewatch server.

The first run needs a code from `python -m app server enrol NAME`; after that the agent is known and
--server, --name and --code can be left out. With --once it makes one backup and ends; without, it stays,
backs up by schedule and does what the console asks.

What is not to be backed up is told in the syntax of .gitignore: by --ignore, by agent.ignore in
tidewatch.toml, and by files named .tidewatchignore in the folders themselves. Links are kept as links and
never followed; devices, pipes and sockets are kept as names.

A PATH that is not there (a disk that is not mounted, say) keeps no other from being backed up, and nothing
of it is marked as vanished; nor is what was backed up from a PATH that is not given any more. --gone says
that it is meant. The agent's own folder and the data of its server are left out.

Exit codes: 0 complete, 1 some files or PATHs could not be read, 2 not done.
"""

import argparse
import asyncio
import os
import platform
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from app.agent import foreground
from app.agent.address import Address, address_of, warn_of_plain_http
from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.backup import Plan
from app.agent.failures import Refusal, is_lasting
from app.agent.folders import as_roots, look_at_roots
from app.agent.identity import (
    Identity,
    check_name,
    enrol,
    enrolment_key,
    follow,
    load_identity,
    prepare_folder,
    save_identity,
)
from app.agent.ignore import Ignore
from app.agent.index import Index
from app.agent.left_out import NO_LIMIT, Exclusions
from app.agent.service import Service, Setup
from app.agent.terminal import Terminal, warn
from app.agent.trust import add_trust, given_fingerprint, trust_flags
from app.config import AgentSettings, find_file, load_settings
from app.logs import add_log_format, set_up_logs
from app.process import make_files_private, open_files_limit, raise_file_limit
from app.protocol import enrol_command
from app.sizes import bytes_of_size
from app.tls import split_code
from streams.failures import ConfigRejected, TidewatchError, WrongToken
from streams.records.clients import Client

T = TypeVar("T")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FILES_OF_THE_AGENT = 32
FILES_OF_A_TRANSFER = 6
"""Open at once: the file, folders on the way to it, the connection."""
STOPPED = "The agent was stopped."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the agent's words to ``parser``."""
    default = Path(platformdirs.user_state_dir("tidewatch", False)) / "agent"
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="a folder or file to back up")
    add("--server", metavar="URL", help="the server, such as https://backup.example.org:1256")
    add("--name", help="the name of this client, as it was given to `server enrol`")
    add("--code", help="the single-use code; needed at the first run only")
    add(
        "--state",
        metavar="DIR",
        type=Path,
        default=default,
        help="where the agent keeps its token and index [%(default)s]",
    )
    add_trust(parser)
    add("--once", action="store_true", help="make one backup and end")
    add(
        "--every",
        metavar="TIME",
        help="time between two backups, such as 90s, 30m, 6h or 1d [agent.schedule_s]",
    )
    add(
        "--ignore",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out what matches; may be given again",
    )
    add(
        "--one-file-system",
        action="store_true",
        help="leave out what is mounted below a PATH [agent.one_file_system]",
    )
    add(
        "--exclude-caches",
        action="store_true",
        help="leave out what is in folders with a CACHEDIR.TAG [agent.exclude_caches]",
    )
    add(
        "--exclude-if-present",
        metavar="NAME",
        action="append",
        default=[],
        help="leave out what is in folders with a file of this name, such as .nobackup; may be given again",
    )
    add(
        "--exclude-larger-than",
        metavar="SIZE",
        help="leave out files that are larger, such as 500MB or 4GiB [agent.exclude_larger_bytes]",
    )
    add(
        "--gone",
        metavar="PATH",
        action="append",
        default=[],
        help="PATH is empty, missing or not given any more on purpose: what was backed up from it is marked"
        " as vanished; may be given again",
    )
    add("--config", metavar="FILE", type=Path, help="settings [tidewatch.toml]")
    add_log_format(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the command line says and return the exit code; every failure is one line."""
    make_files_private()
    raise_file_limit()
    set_up_logs(level="warning", form=args.log_format)
    return foreground.run(_obey(args), STOPPED, stopped_code=_stopped_code(args))


async def obey(args: argparse.Namespace) -> int:
    """Do what ``run`` does, in a loop that runs already."""
    return await foreground.attended(_obey(args), STOPPED, stopped_code=_stopped_code(args))


def _stopped_code(args: argparse.Namespace) -> int:
    return foreground.NOT_DONE if args.once else 0


def settings_of(args: argparse.Namespace) -> AgentSettings:
    """Return the agent's settings from file, environment and flags."""
    flags: dict[str, object] = {"schedule_s": seconds_of(args.every)} if args.every else {}
    flags |= {name: True for name in ("one_file_system", "exclude_caches") if getattr(args, name)}
    if args.exclude_larger_than is not None:
        flags["exclude_larger_bytes"] = larger_than(args.exclude_larger_than)
    settings = load_settings(find_file(args.config), {"agent": {**flags, **trust_flags(args)}}).agent
    more = {
        name: (*getattr(settings, name), *getattr(args, name)) for name in ("ignore", "exclude_if_present")
    }
    for name in more["exclude_if_present"]:
        if not name or "/" in name or "\0" in name:
            raise ConfigRejected(
                f"--exclude-if-present {name!r} is no name of a file.", hint="Write .nobackup, say."
            )
    return settings.model_copy(update=more)


def within_file_limit(settings: AgentSettings) -> AgentSettings:
    """Return settings with no more files in flight than the system lets this process have open."""
    room = (open_files_limit() - FILES_OF_THE_AGENT) // FILES_OF_A_TRANSFER
    return settings.model_copy(update={"files_in_flight": min(settings.files_in_flight, max(1, room))})


def seconds_of(text: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``6h`` or ``1d``."""
    number, unit = text[:-1], text[-1:]
    try:
        return float(number) * UNITS_S[unit]
    except (KeyError, ValueError):
        raise ConfigRejected(f"--every {text!r} is not a time.", hint="Write 90s, 30m, 6h or 1d.") from None


def larger_than(text: str) -> int:
    """Return the bytes of ``--exclude-larger-than``; raises ConfigRejected."""
    size = bytes_of_size(text)
    if not size or size >= NO_LIMIT:
        raise ConfigRejected(
            f"--exclude-larger-than {text!r} is not a size.", hint="Write it as 500MB or 4GiB."
        )
    return size


def exclusions_of(settings: AgentSettings, folder: Path) -> Exclusions:
    """Return what is left out besides the patterns; ``folder`` is the agent's own."""
    own = os.fsencode(folder)
    return Exclusions(
        one_file_system=settings.one_file_system,
        caches=settings.exclude_caches,
        markers=tuple(os.fsencode(name) for name in settings.exclude_if_present),
        max_bytes=settings.exclude_larger_bytes or NO_LIMIT,
        own_folders=tuple({own, os.path.realpath(own)}),
    )


async def _obey(args: argparse.Namespace) -> int:
    settings = within_file_limit(settings_of(args))
    roots = as_roots(os.fsencode(path) for path in args.paths)
    Ignore.of(b"/", settings.ignore)
    folder = Path(os.path.abspath(args.state))  # noqa: PTH100
    prepare_folder(folder)
    if load_identity(folder) is None:
        await asyncio.to_thread(_check_first_roots, roots)
    index = await _in_the_end(lambda: asyncio.to_thread(Index, folder), settings, once=args.once)
    try:
        identity = await _identity(args, folder, settings)
        address = _address(identity.server, settings, identity.fingerprint)
        async with Api(address, identity.token, connections=settings.files_in_flight + 4) as api:
            setup = Setup(
                api=api,
                index=index,
                plan=Plan(
                    tuple(roots),
                    settings.ignore,
                    exclusions_of(settings, folder),
                    tuple(os.path.abspath(os.fsencode(path)) for path in args.gone),  # noqa: PTH100
                ),
                settings=settings,
                folder=folder,
                client_id=identity.client_id,
                name=identity.name,
                terminal=Terminal(),
            )
            return await Service(setup, once=args.once).run()
    finally:
        await asyncio.to_thread(index.close)


def _check_first_roots(roots: list[bytes]) -> None:
    """Refuse a first backup of nothing, before its code is spent: the PATH is mistyped."""
    present, wrong = look_at_roots(roots)
    if not present:
        raise wrong[0][1]


async def _identity(args: argparse.Namespace, folder: Path, settings: AgentSettings) -> Identity:
    """Return who we are: as kept, or newly enrolled where there is a code and no good token."""
    known = load_identity(folder)
    server, name = args.server or (known and known.server), args.name or (known and known.name)
    if not server or not name:
        raise ConfigRejected("The first run needs --server, --name and --code.", hint="See --help.")
    code, fingerprint = _code_and_fingerprint(args)
    address = _address(server, settings, fingerprint or (known.fingerprint if known else ""))
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
            known = await _in_the_end(partial(follow, known, address), settings, once=args.once)
            warn(f"The server has moved from {kept.server} to {address}.")
        if known != kept:
            save_identity(folder, known)
        return known
    if (
        known is not None
        and (known.server, known.name, known.fingerprint) == (str(address), name, fingerprint)
        and await _in_the_end(partial(_is_good, known, settings), settings, once=args.once)
    ):
        return known
    if not code:
        raise ConfigRejected(
            "The first run needs --code.",
            hint=f"Get one on the server with: {enrol_command(name)}.",
        )
    enrolling = partial(enrol, address, name, code, enrolment_key(folder), fingerprint)
    fresh = await _in_the_end(enrolling, settings, once=args.once)
    save_identity(folder, fresh)
    return fresh


async def _in_the_end(attempt: Callable[[], Awaitable[T]], settings: AgentSettings, *, once: bool) -> T:
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


def _address(server: str, settings: AgentSettings, fingerprint: str) -> Address:
    return address_of(server, settings.ca_file, fingerprint=fingerprint, insecure_http=settings.insecure_http)


def _code_and_fingerprint(args: argparse.Namespace) -> tuple[str, str]:
    """Return the code without its fingerprint, and the one to pin: that of --fingerprint goes first."""
    try:
        code, fingerprint = split_code(args.code or "")
    except ValueError:
        raise ConfigRejected("--code: the part after the dot is not whole.", hint="Copy all of it.") from None
    return code, given_fingerprint(args.fingerprint) or fingerprint


async def _is_good(known: Identity, settings: AgentSettings) -> bool:
    async with Api(_address(known.server, settings, known.fingerprint), known.token) as api:
        try:
            await api.call("GET", "/api/agent/client", Client)
        except WrongToken:
            return False
    return True
