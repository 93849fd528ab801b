"""Back up folders of this machine to a Tidewatch server.

The first run needs a code from `tidewatch server enrol NAME`; after that the agent is known and
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
from pathlib import Path

import platformdirs

from app.agent import foreground
from app.agent.api import Api
from app.agent.backup import Plan
from app.agent.command_settings import exclusions_of, settings_of, within_file_limit
from app.agent.first_run import address_for, identity_of, in_the_end
from app.agent.folders import as_roots, look_at_roots
from app.agent.identity import (
    load_identity,
    prepare_folder,
)
from app.agent.ignore import Ignore
from app.agent.index import Index
from app.agent.service import Service, Setup
from app.agent.terminal import Terminal
from app.agent.trust import add_trust
from app.runtime.logging import add_log_format, set_up_logs
from app.runtime.process import make_files_private, raise_file_limit

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


async def _obey(args: argparse.Namespace) -> int:
    settings = within_file_limit(settings_of(args))
    roots = as_roots(os.fsencode(path) for path in args.paths)
    Ignore.of(b"/", settings.ignore)
    folder = Path(os.path.abspath(args.state))  # noqa: PTH100
    prepare_folder(folder)
    if load_identity(folder) is None:
        await asyncio.to_thread(_check_first_roots, roots)
    index = await in_the_end(lambda: asyncio.to_thread(Index, folder), settings, once=args.once)
    try:
        identity = await identity_of(args, folder, settings)
        address = address_for(identity.server, settings, identity.fingerprint)
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
