"""Make a verified copy of the catalogue, while the server runs or not.

The copy holds the state of one moment. A plain copy of catalogue.db is none: what was committed last lies in
the log beside it. The server makes such a copy by itself each day (server.catalogue_backup_h).
"""

import argparse
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.copies import copy_to
from app.server.catalogue_backup import FOLDER
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, in_catalogue, say, say_aside
from app.server.data_dir import beside
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.vocabulary import AuditAction

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server backup-catalogue``."""
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help=f"where to (default: {FOLDER} in the data folder)"
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Make the copy and print its path; return the exit code."""
    catalogue = begin(args)
    folder = args.to or args.data / FOLDER
    with beside(args.data):
        note = AuditNote(action=AuditAction.CATALOGUE_COPY, who=invoker(), target=f"to {folder}")
        note = _noted(catalogue, partial(_intend, note)) or note
        try:
            copy = copy_to(catalogue, folder, utc_now())
        except TidewatchError:
            _noted(catalogue, partial(_drop, note))
            raise
        _noted(catalogue, partial(_note, replace(note, target=str(copy.path))))
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in copy.counts.rows.items())
    say(f"{copy.path}: {copy.size_bytes:,} bytes, verified: {rows}")
    return 0


def _noted(path: Path, act: Callable[[Catalogue], Coroutine[Any, Any, T]]) -> T | None:
    """Do something with the audit record: a copy gives out all that the catalogue knows.

    The copy is good without it; it may be made just because the disk of the catalogue is full.
    """
    try:
        return in_catalogue(path, act)
    except TidewatchError as failure:
        say_aside(f"the audit record takes no row: {failure.line()}")
        return None


async def _intend(note: AuditNote, catalogue: Catalogue) -> AuditNote:
    return await catalogue.audit.intend(note, by_command=True)


async def _drop(note: AuditNote, catalogue: Catalogue) -> None:
    await catalogue.audit.drop(note)


async def _note(note: AuditNote, catalogue: Catalogue) -> None:
    await catalogue.audit.note(note)
