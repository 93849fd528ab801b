"""Say what would be repaired in catalogue and store; do it only with --yes.

The server must be stopped for it. Counters are counted again; contents that the store lacks are marked as
damaged, so that the next backup of a client that has them sends them again; a search index that does not
agree with the files is made anew; files of the store that the catalogue does not know are set aside in it.
"""

import argparse
from functools import partial

from msgspec.structs import replace

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.server.check import Report, check
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, in_catalogue, say, say_aside
from app.server.data_dir import STORE_FOLDER, alone, held
from app.server.repair import repair
from streams.model.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server repair``."""
    parser.add_argument(
        "--read", action="store_true", help="read every stored byte and all of the search index before"
    )
    parser.add_argument(
        "--yes", action="store_true", help="do it; without this it only says what it would do"
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Repair, or say what would be; return the exit code."""
    catalogue, store = begin(args), args.data / STORE_FOLDER
    with held(args.data), alone(args.data):
        report = check(catalogue, store, read=args.read, progress=say_aside)
        for problem in report.problems:
            said = "cannot be repaired here" if not problem.remedy else problem.remedy
            say(f"{problem.kind}: {problem.text} -> {said}")
        if not report.wrong:
            say("all is well; there is nothing to repair")
            return 0
        if not args.yes:
            say("nothing was changed; add --yes to repair")
            return 1
        note = in_catalogue(catalogue, _intend)
        repair(catalogue, store, report)
        in_catalogue(catalogue, partial(_note, note, report))
        left = check(catalogue, store)
        for problem in left.problems:
            say(f"{problem.kind}: {problem.text} is left")
        # Damage that was only counted is not found again without reading.
        some_left = bool(left.wrong or report.beyond)
        say("some of it is left: repair again" if some_left else "repaired")
        return int(some_left)


async def _intend(catalogue: Catalogue) -> AuditNote:
    note = AuditNote(action=AuditAction.CATALOGUE_REPAIR, who=invoker())
    return await catalogue.audit.intend(note, by_command=True)


async def _note(begun: AuditNote, report: Report, catalogue: Catalogue) -> None:
    """Append a row to the audit record; where that was cut, it goes on from here."""
    found = {
        "lost": len(report.missing.first),
        "damaged": len(report.damaged.first),
        "of another size": len(report.resized.first),
        "unknown files": len(report.unknown.first),
    }
    counts = [f"{count} {word}" for word, count in found.items() if count]
    note = replace(begun, detail="; ".join([*report.audit_cut, ", ".join(counts) or "counted again"]))
    if report.audit_cut:
        await catalogue.audit.begin_anew(note)
    else:
        await catalogue.audit.note(note)
        await catalogue.audit.save_head()
