"""Put a copy in the place of the catalogue, and say what is missing since.

The server must be stopped. The copy is read through before; the present catalogue is kept beside it. What was
backed up since the copy was made is sent again by the next backup of each agent. The audit record keeps the
rows that were made since, where the catalogue before can still be read.
"""

import argparse
from functools import partial
from pathlib import Path

from app.catalogue.audit_chain import carry_over, read_head
from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.copies import describe, restore
from app.catalogue.revocations import revoked_in
from app.server.check import check
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin_in, in_catalogue, say, say_aside
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER, alone, held
from app.store.layout import Layout
from app.store.revoked import remember
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server restore-catalogue``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a copy of catalogue.db")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Put the copy back; return the exit code."""
    begin_in(args)
    catalogue: Path = args.data / CATALOGUE_FILE
    with held(args.data), alone(args.data):
        counts, schema = describe(args.file)
        rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.rows.items())
        say(f"{args.file}: sound, schema {schema}, last event {counts.last_seq:,}: {rows}")
        lost = read_head(catalogue)
        note = AuditNote(
            action=AuditAction.CATALOGUE_RESTORE,
            who=invoker(),
            target=str(args.file),
            detail=f"the one before ended with row {lost.seq} of this record" if lost is not None else "",
        )
        carried = 0

        def complete(draft: Path) -> None:
            nonlocal carried
            _keep_revoked(catalogue, args.data / STORE_FOLDER)
            in_catalogue(draft, _migrated)
            carried = _carried(catalogue, draft)
            in_catalogue(draft, partial(_note, note))

        before = restore(args.file, catalogue, utc_now(), complete=complete)
        in_catalogue(catalogue, _accept_head)
        if before is not None:
            say(f"the catalogue before is kept as {before}")
        if carried:
            say(f"rows of the audit record that were made since the copy, and are kept: {carried:,}")
        report = check(catalogue, args.data / STORE_FOLDER)
        say(f"contents in the store that the copy does not know: {len(report.unknown):,}")
        say(f"contents of the copy that the store has no more: {len(report.missing):,}")
        if report.problems:
            say(f"Run: tidewatch server repair --data {args.data}")
    say("tokens and codes that were revoked or used since stay so; those made since are unknown")
    say("marks for removal and protection are those of the copy: look through them")
    say("done; start the server: each agent's next backup sends what is missing since")
    return 0


def _carried(before: Path, catalogue: Path) -> int:
    """Append the rows of the audit record that were made since the copy; return how many."""
    if not before.exists():
        return 0
    try:
        return carry_over(before, catalogue)
    except TidewatchError as failure:
        say_aside(f"the audit record since the copy cannot be read: {failure.line()}")
        return 0


def _keep_revoked(before: Path, store: Path) -> None:
    """Keep beside the store what the catalogue before has as revoked: it stays so."""
    try:
        if before.exists():
            remember(Layout(store), revoked_in(before))
    except (OSError, TidewatchError) as failure:
        say_aside(f"what was revoked since the copy cannot be kept, look through the tokens: {failure}")


async def _migrated(_: Catalogue) -> None:
    """Only open it, which brings an older copy to today's schema."""


async def _note(note: AuditNote, catalogue: Catalogue) -> None:
    await catalogue.audit.note(note)


async def _accept_head(catalogue: Catalogue) -> None:
    await catalogue.audit.accept_head()
