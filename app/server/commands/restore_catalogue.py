"""Put a copy in the place of the catalogue, and say what is missing since.

The server must be stopped. The copy is read through before; the present catalogue is kept beside it. What was
backed up since the copy was made is sent again by the next backup of each agent.
"""

import argparse
from pathlib import Path

from app.catalogue.copies import describe, restore
from app.server.check import check
from app.server.commands.shared import add_data, begin_in, say
from app.server.folder import CATALOGUE_FILE, STORE_FOLDER, alone, held
from streams.records.base import utc_now


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
        before = restore(args.file, catalogue, utc_now())
        if before is not None:
            say(f"the catalogue before is kept as {before}")
        report = check(catalogue, args.data / STORE_FOLDER)
        say(f"contents in the store that the copy does not know: {report.unknown_files:,}")
        say(f"contents of the copy that the store has no more: {report.missing_files:,}")
        if report.problems:
            say(f"Run: python -m app server repair --data {args.data}")
    say("done; start the server: each agent's next backup sends what is missing since")
    return 0
