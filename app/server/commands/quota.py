"""Show how much a client keeps and may keep, or set that.

SIZE is a number of bytes, before compression, perhaps with a unit: 500GB (powers of 1,000) or 500GiB (powers
of 1,024). none sets no bound, default the one of the settings (server.quota_bytes). What a client has stored
already stays; new contents above its quota are refused. The server may run meanwhile.
"""

import argparse

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.runtime.sizes import bytes_of_size
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, client_named, say, with_catalogue
from app.wire.http import MAX_QUOTA_BYTES
from streams.model.clients import Client
from streams.model.failures import ConfigRejected
from streams.model.vocabulary import AuditAction

DEFAULT, NONE = "default", "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server quota``."""
    parser.add_argument("name", metavar="NAME", help="the client")
    parser.add_argument("size", metavar="SIZE", nargs="?", help=f"500GB, 2TiB, {NONE} or {DEFAULT}")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Show or set the quota; return the exit code."""
    size = None if args.size is None else args.size.strip().lower()
    wanted = None if size in (None, DEFAULT) else size_of(size)

    async def act(catalogue: Catalogue) -> int:
        client = await client_named(catalogue, args.name)
        if size is not None:
            note = AuditNote(
                action=AuditAction.SET_QUOTA,
                who=invoker(),
                target=f"client {client.name}",
                client_id=client.id,
            )
            async with catalogue.audit.command(note) as command:
                client = await catalogue.clients.set_quota(client.id, wanted)
                command.about(target=f"client {client.name}, {_worded(client)}")
        say(f"{client.name}: keeps {client.held_bytes:,} bytes; {_worded(client)}")
        return 0

    return with_catalogue(begin(args), act)


def size_of(text: str) -> int:
    """Return the bytes of a size in words; raises ConfigRejected."""
    if text == NONE:
        return 0
    size = bytes_of_size(text)
    if size is not None and 0 < size <= MAX_QUOTA_BYTES:
        return size
    raise ConfigRejected(
        f"{text!r} is no size of a quota.", hint=f"Write 500GB, 2TiB, {NONE} or {DEFAULT}; at most 9,000TB."
    )


def _worded(client: Client) -> str:
    if client.quota_bytes is None:
        return "its quota is that of the settings (server.quota_bytes)"
    return f"its quota is {client.quota_bytes:,} bytes" if client.quota_bytes else "it has no quota"
