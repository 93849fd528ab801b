"""Print a code with which one client may enrol, once, within a day.

The server may run meanwhile. The code is the only line on stdout.
"""

import argparse

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.server.certificate import noted_fingerprint
from app.server.commands.secrets import invoker
from app.server.commands.shared import add_data, begin, say, say_aside, with_catalogue
from app.server.problems import Refused, StartFailed
from app.server.routes.enrolment import client_name
from app.wire.tls import join_code
from streams.model.vocabulary import AuditAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server enrol``."""
    parser.add_argument("name", metavar="NAME", help="the client to enrol")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Make a code and print it; return the exit code."""

    async def enrol(catalogue: Catalogue) -> int:
        try:
            name = client_name(args.name)
        except Refused as refusal:
            raise StartFailed(refusal.problem.message) from None
        note = AuditNote(action=AuditAction.ENROLMENT_CODE, who=invoker(), target=f"client {name}")
        async with catalogue.audit.command(note):
            enrolment = await catalogue.enrolments.create(name)
        say(join_code(enrolment.code, noted_fingerprint(args.data)))
        expires = enrolment.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
        say_aside(f"for {enrolment.name}; it works once, until {expires}")
        return 0

    return with_catalogue(begin(args), enrol)
