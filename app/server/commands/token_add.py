"""Make a token for a console or a script, with a name, some scopes and perhaps an end.

Scopes: look (see everything but contents; part of every token), operate (backups, connections, enrolment
codes, deletions that can be undone), restore (contents), destroy (remove clients, tokens, protection off).
The token is shown once, on a terminal, or written to --out FILE that only its owner can read.
"""

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.server.commands.secrets import check_shown, hand_out, invoker
from app.server.commands.shared import add_data, begin, say_aside, with_catalogue
from streams.model.base import utc_now
from streams.model.failures import ConfigRejected
from streams.model.vocabulary import CONSOLE_SCOPES, AuditAction, Scope

MAX_DAYS = 36_500.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server token add``."""
    parser.add_argument("name", metavar="NAME", help="what the token is called in lists and in the log")
    parser.add_argument(
        "--scope", required=True, metavar="SCOPES", help=f"some of {','.join(CONSOLE_SCOPES)}"
    )
    parser.add_argument("--days", type=float, metavar="N", help="the token ends after N days [never]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the token to FILE (mode 0600)")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Make the token and hand it out; return the exit code."""
    scopes = scopes_of(args.scope)
    if args.days is not None and not 0 < args.days <= MAX_DAYS:
        raise ConfigRejected("--days must be a number of days above 0.", hint="Leave it out for no end.")
    check_shown(args.out)

    async def add(catalogue: Catalogue) -> int:
        expires_at = None if args.days is None else utc_now() + timedelta(days=args.days)
        note = AuditNote(action=AuditAction.ADD_TOKEN, who=invoker(), target=args.name)
        async with catalogue.audit.command(note) as command:
            made = await catalogue.console_tokens.add(
                args.name, scopes, expires_at=expires_at, made_by=invoker()
            )
            token = made.token
            command.about(target=token.name, detail=f"scopes {','.join(token.scopes)}")
        await asyncio.to_thread(hand_out, made.secret, args.out)
        end = (
            "no end" if token.expires_at is None else f"until {token.expires_at.astimezone():%Y-%m-%d %H:%M}"
        )
        where = "" if args.out is None else f" in {args.out}"
        say_aside(f"token {token.name}{where}: {', '.join(token.scopes)}; {end}")
        return 0

    return with_catalogue(begin(args), add)


def scopes_of(text: str) -> frozenset[Scope]:
    """Return the scopes of words with commas between; raises ConfigRejected."""
    words = frozenset(word.strip() for word in text.split(",") if word.strip())
    if not words or not words <= frozenset(CONSOLE_SCOPES):
        raise ConfigRejected(
            f"--scope {text!r} is not a list of scopes.",
            hint=f"Write some of {', '.join(CONSOLE_SCOPES)} with commas between.",
        )
    return frozenset(map(Scope, words))
