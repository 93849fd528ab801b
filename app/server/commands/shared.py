"""Arguments and steps that the sub-commands of the server share."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from app.catalogue.catalogue import Catalogue
from app.catalogue.fresh_database import store_known_to
from app.runtime.logging import add_log_format, set_up_logs
from app.runtime.process import make_files_private
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER, beside
from app.server.problems import StartFailed
from app.store.identity import Identity
from app.store.layout import Layout
from app.store.revoked import remember
from streams.model.clients import Client
from streams.model.failures import TidewatchError
from streams.model.safe_text import terminal_text

T = TypeVar("T")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare the data folder and the flags of the log."""
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the server's data folder")
    add_logging(parser)


def add_logging(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the log."""
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    add_log_format(parser)


def begin(args: argparse.Namespace) -> Path:
    """Set up the log and return the catalogue's path; raises StartFailed where no server's data is."""
    begin_in(args)
    return catalogue_in(args.data)


def begin_in(args: argparse.Namespace) -> None:
    """Set up the log; the catalogue may be lost."""
    make_files_private()
    set_up_logs(level=args.log_level, form=args.log_format)


def catalogue_in(folder: Path) -> Path:
    """Return the path of a data folder's catalogue; raises StartFailed where there is none."""
    path = folder / CATALOGUE_FILE
    try:
        there = path.exists()
    except OSError as error:
        raise StartFailed(
            f"The data folder {folder} cannot be read: {error.strerror}.",
            hint="Run this as the user that the server runs as.",
        ) from error
    if not there:
        raise StartFailed(
            f"There is no server's data in {folder}.", hint=f"Run: tidewatch server --data {folder}"
        )
    return path


def with_catalogue(path: Path, act: Callable[[Catalogue], Coroutine[Any, Any, int]]) -> int:
    """Return what ``act`` returns with the open catalogue; the server may run meanwhile."""
    with beside(path.parent):
        return in_catalogue(path, act)


def in_catalogue(path: Path, act: Callable[[Catalogue], Coroutine[Any, Any, T]]) -> T:
    """Return what ``act`` returns with the open catalogue, where the caller keeps other commands away."""

    async def main() -> T:
        catalogue = await Catalogue.open(path)
        try:
            return await act(catalogue)
        finally:
            await catalogue.close()

    return asyncio.run(main())


def keep_revoked(catalogue: Catalogue) -> None:
    """Let what a command revokes be kept beside the store, as the server does."""
    layout = Layout(catalogue.path.parent / STORE_FOLDER)

    def note(hashes: list[str]) -> None:
        known = store_known_to(catalogue.path)
        try:
            if known:
                Identity(layout).expect(known)
                remember(layout, hashes)
        except (OSError, TidewatchError) as failure:
            # The next start of the server keeps it.
            say_aside(f"not kept beside the store, start the server before a copy is put back: {failure}")

    async def keep(hashes: Collection[bytes]) -> None:
        await asyncio.to_thread(note, [each.hex() for each in hashes])

    catalogue.tokens.remember = keep


async def client_named(catalogue: Catalogue, name: str) -> Client:
    """Return the client of a name; raises StartFailed where there is none."""
    client = await catalogue.clients.by_name(name)
    if client is None:
        raise StartFailed(f"No client is named {name}.", hint="Names are case-sensitive.")
    return client


def say(line: str) -> None:
    """Print a line of the result."""
    print("\n".join(map(terminal_text, line.split("\n"))), flush=True)  # noqa: T201


def say_aside(line: str) -> None:
    """Print a line that is not part of the result, such as progress."""
    print(terminal_text(line), file=sys.stderr, flush=True)  # noqa: T201
