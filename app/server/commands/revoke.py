"""Revoke the token of a client: its agent is refused until the client is enrolled again.

The server may run meanwhile; it notices within a second or two.
"""

import argparse

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, client_named, keep_revoked, say, with_catalogue
from streams.model.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server revoke``."""
    parser.add_argument("name", metavar="NAME", help="the client whose token is revoked")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Revoke the token; return the exit code."""

    async def revoke(catalogue: Catalogue) -> int:
        client = await client_named(catalogue, args.name)
        note = AuditNote(
            action=AuditAction.REVOKE_CLIENT,
            who=invoker(),
            target=f"client {client.name}",
            client_id=client.id,
        )
        keep_revoked(catalogue)
        async with catalogue.audit.command(note):
            await catalogue.tokens.revoke_client(client.id)
        say(f"{args.name}: its token is revoked; enrol it again to let it back in")
        return 0

    return with_catalogue(begin(args), revoke)
