"""Revoke a token of a console or a script at once; its open sockets are closed.

The server may run meanwhile; it notices within a second or two.
"""

import argparse

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, keep_revoked, say, with_catalogue
from streams.model.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server token revoke``."""
    parser.add_argument("name", metavar="NAME", help="the name of the token, as server token list shows it")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Revoke the token; return the exit code."""

    async def revoke(catalogue: Catalogue) -> int:
        note = AuditNote(action=AuditAction.REVOKE_TOKEN, who=invoker(), target=args.name)
        keep_revoked(catalogue)
        async with catalogue.audit.command(note):
            token = await catalogue.console_tokens.revoke(name=args.name)
        say(f"{token.name}: the token is revoked")
        return 0

    return with_catalogue(begin(args), revoke)
