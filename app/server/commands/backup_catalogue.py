"""Make a verified copy of the catalogue, while the server runs or not.

The copy holds the state of one moment. A plain copy of catalogue.db is none: what was committed last lies in
the log beside it. The server makes such a copy by itself each day (server.catalogue_backup_h).
"""

import argparse
from pathlib import Path

from app.catalogue.audit import AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.copies import copy_to
from app.server.catalogue_backup import FOLDER
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, say, say_aside, with_catalogue
from app.server.folder import beside
from streams.failures import TidewatchError
from streams.records.base import utc_now
from streams.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server backup-catalogue``."""
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help=f"where to (default: {FOLDER} in the data folder)"
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Make the copy and print its path; return the exit code."""
    catalogue = begin(args)
    with beside(args.data):
        copy = copy_to(catalogue, args.to or args.data / FOLDER, utc_now())
    _note(catalogue, copy.path)
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in copy.counts.rows.items())
    say(f"{copy.path}: {copy.size_bytes:,} bytes, verified: {rows}")
    return 0


def _note(path: Path, copy: Path) -> None:
    """Append a row to the audit record: a copy gives out all that the catalogue knows."""

    async def note(catalogue: Catalogue) -> int:
        await catalogue.audit.note(
            AuditNote(action=AuditAction.CATALOGUE_COPY, who=invoker(), target=str(copy))
        )
        return 0

    try:
        with_catalogue(path, note)
    except TidewatchError as failure:
        # The copy is good; it may be made just because the disk of the catalogue is full.
        say_aside(f"the audit record takes no row: {failure.line()}")
