"""Bring a client's files back from a Tidewatch server, all of them or those that a PATH names.

What was backed up from /a/b/src is restored with the content of src directly in DIR: the deepest folder that
holds everything that was backed up is left out of the paths; --full-paths keeps it (DIR/a/b/src/...).
A PATH is a whole path of the client or one below that folder, and is taken literally, whatever characters it
has; a folder comes with all that is in it. Patterns are written as in .gitignore and given with --pattern; a
word that names nothing and is no whole path is taken as one.

A backup that did not come to its end is never taken for a whole one: each file comes in its newest version,
and it is said which backup the others are of, and how to get that one alone with --at.

Owners (by name where it is known here), modes, ACLs, extended attributes, times, hard links and holes come
back as far as the disk and the user can: for all of it run as root. What could not be set is one line.
Nothing is ever written outside DIR, nor through a link in it. What is there already with the right content is
not fetched again: a restore that was cut goes on with the same command. Where DIR has other files of the same
names, nothing is restored without --overwrite. What the disk does not take under its name gets a similar one.

While one restore writes into DIR another one does not begin.

Exit codes: 0 everything restored, 1 some files were damaged, could not be written, or have another name,
2 nothing done.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.agent import foreground
from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.failures import AGENT_TOKEN, CONSOLE_TOKEN
from app.agent.names import shown
from app.agent.restore import Restore
from app.agent.restore_plan import RestorePlan
from app.agent.restore_report import RestoreProgress, report
from app.agent.restore_server import given_address, own_address, own_identity, token_of
from app.agent.restore_source import find_client, read_tree
from app.agent.restore_state import is_whole, notes_of, read_state
from app.agent.restore_tree import TargetTree
from app.agent.retry import Patience
from app.agent.terminal import Terminal, warn
from app.agent.trust import add_trust, trust_flags
from app.config import AgentSettings, find_file, load_settings
from streams.model.failures import ConfigRejected

STOPPED = "The restore was stopped."
PATIENCE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words of the restore to ``parser``."""
    add = parser.add_argument
    add("name", metavar="NAME", help="the client whose files come back")
    add("paths", metavar="PATH", nargs="*", help="what to restore [everything]")
    add(
        "--pattern",
        metavar="PATTERN",
        action="append",
        default=[],
        help="restore what matches, as in .gitignore; may be given several times",
    )
    add("--server", metavar="URL", help="the server, such as https://backup.example.org:1256")
    add_trust(parser)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="file with the console's token (console.token in the server's data folder)",
    )
    whose.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="the agent's own folder: restores this client's files with its token, at its server",
    )
    add("--to", metavar="DIR", type=Path, required=True, help="the folder to restore into; made if needed")
    add(
        "--at",
        metavar="TIME",
        help="as it was then, such as 2026-03-01T12:00 (local time unless it says) [now]",
    )
    add("--overwrite", action="store_true", help="replace files of the same names")
    add("--numeric-owner", action="store_true", help="take owners by number, not by name")
    add("--full-paths", action="store_true", help="keep the whole path of each file below DIR")
    add("--config", metavar="FILE", type=Path, help="settings [tidewatch.toml]")


def run(args: argparse.Namespace) -> int:
    """Do what the command line says and return the exit code; every failure is one line."""
    return foreground.run(_obey(args), STOPPED)


async def obey(args: argparse.Namespace) -> int:
    """Do what ``run`` does, in a loop that runs already."""
    return await foreground.attended(_obey(args), STOPPED)


def time_of(text: str | None) -> datetime | None:
    """Return the moment that ``--at`` names, in UTC; a time without a zone is local."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigRejected(
            f"--at {text!r} is not a time.", hint="Write it as in ISO 8601, such as 2026-03-01T12:00."
        ) from None


async def _obey(args: argparse.Namespace) -> int:
    settings = load_settings(find_file(args.config), {"agent": trust_flags(args)}).agent
    at = time_of(args.at)
    own = None if args.state is None else await asyncio.to_thread(own_identity, args.state, args.name)
    token = token_of(args.token_file) if own is None else own.token
    terminal = Terminal()
    address = await given_address(args, settings) if own is None else await own_address(own, args, settings)
    patience = Patience(lambda: _backoff(args.name, settings), patience_s=PATIENCE_S, say=terminal.say)
    began = time.monotonic()
    connections = settings.files_in_flight + 2
    async with Api(
        address, token, connections=connections, token_hint=CONSOLE_TOKEN if own is None else AGENT_TOKEN
    ) as api:
        await api.health()
        plan = await _plan(args, api, patience, at, say=terminal.say)
        tree = await asyncio.to_thread(TargetTree, args.to, numeric_owner=args.numeric_owner)
        try:
            progress = RestoreProgress(terminal, plan)
            restore = Restore(
                api,
                tree,
                plan,
                patience=patience,
                overwrite=args.overwrite,
                in_flight=settings.files_in_flight,
                own=own is not None,
                origin=f"Restored from {shown(plan.origin)} of {args.name}",
                on_progress=progress.show,
            )
            done = await restore.run()
        finally:
            terminal.end()
            tree.close()
    report(terminal, args, plan, done, time.monotonic() - began)
    return 1 if done.failed or done.renamed or plan.refused else 0


def _backoff(name: str, settings: AgentSettings) -> Backoff:
    return Backoff(name, base_s=settings.backoff_base_s, cap_s=settings.backoff_cap_s)


async def _plan(
    args: argparse.Namespace,
    api: Api,
    patience: Patience,
    at: datetime | None,
    *,
    say: Callable[[str], None],
) -> RestorePlan:
    client_id = None if args.state is not None else (await find_client(api, patience, args.name)).id
    state = await read_state(api, patience, client_id, at)
    plan = await read_tree(api, patience, client_id, at)
    if is_whole(state):
        # Another backup may have begun while the names were read.
        state = await read_state(api, patience, client_id, at)
    if not plan.items and not plan.refused:
        when = f" at {args.at}" if at else ""
        raise ConfigRejected(
            f"The server has no files of {args.name!r}{when}.",
            hint="Give a later time with --at, or leave it out." if at else "Nothing was restored.",
        )
    await asyncio.to_thread(plan.choose, args.paths, args.pattern, full_paths=args.full_paths)
    if plan.unknown:
        raise ConfigRejected(
            f"The backup of {args.name!r} has no {', '.join(map(repr, plan.unknown))}.",
            hint="A whole path is taken literally; give patterns with --pattern.",
        )
    if not plan.items and (args.paths or args.pattern or not plan.refused):
        raise ConfigRejected(
            f"No file of {args.name!r} matches {' '.join((*args.paths, *args.pattern))!r}.",
            hint="Patterns are written as in .gitignore.",
        )
    for note in notes_of(state, at=at):
        say(note)
    if plan.guessed:
        warn(f"No name in the backup, so taken as a pattern: {', '.join(map(repr, plan.guessed))}.")
    return plan
