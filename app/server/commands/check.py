"""Prove catalogue and store against each other, and print what is wrong.

The server may run: then what it writes meanwhile may be told as wrong, and is looked at a second time. Exit
code 0: all is well, 1: something is wrong.
"""

import argparse

from app.server.check import check
from app.server.commands.shared import add_data, begin, say, say_aside
from app.server.data_dir import STORE_FOLDER, beside


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server check``."""
    parser.add_argument("--read", action="store_true", help="read every stored byte and check its hash")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Check and print the findings; return the exit code."""
    catalogue = begin(args)
    with beside(args.data):
        report = check(catalogue, args.data / STORE_FOLDER, read=args.read, progress=say_aside)
    for problem in report.problems:
        say(f"{problem.kind}: {problem.text}")
    say(
        f"{report.contents:,} contents, {report.files:,} files of the store, "
        f"{report.clients:,} clients checked: "
        + (f"{report.wrong:,} wrong" if report.wrong else "all is well")
    )
    return 1 if report.wrong else 0
