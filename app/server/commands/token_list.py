"""List the tokens of consoles and scripts: name, scopes, end, last use and who made them."""

import argparse
from datetime import datetime

from app.catalogue.catalogue import Catalogue
from app.server.commands.shared import add_data, begin, say, with_catalogue
from streams.model.base import utc_now

HEAD = ("NAME", "SCOPES", "MADE", "ENDS", "LAST USED", "MADE BY")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``server token list``."""
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print the tokens; return the exit code."""

    async def show(catalogue: Catalogue) -> int:
        now = utc_now()
        rows = [
            (
                token.name,
                ",".join(token.scopes),
                _day(token.created_at),
                _end(token.expires_at, now),
                _day(token.used_at) if token.used_at is not None else "never",
                token.made_by,
            )
            for token in await catalogue.console_tokens.all()
        ]
        widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
        for row in (HEAD, *rows):
            say("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
        return 0

    return with_catalogue(begin(args), show)


def _day(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def _end(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    return f"{_day(at)}{' (ended)' if at <= now else ''}"
