"""Steps of a start, before anybody is answered."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.fresh_database import store_known_to
from app.server.audit import Audit
from app.server.data_dir import CATALOGUE_FILE, alone, note_id, read_token, writable, write_token
from app.server.problems import FolderInUse
from app.store.store import Store
from app.wire.http import server_id_of
from streams.model.vocabulary import Scope

log = structlog.stdlib.get_logger(__name__)


async def prepare_store(store: Store, data_dir: Path, *, anew: bool) -> bool:
    """Prepare the store; return whether it is the one of the catalogue, or the first that it has."""
    known = await asyncio.to_thread(store_known_to, data_dir / CATALOGUE_FILE)
    with writable(data_dir):
        await store.prepare("" if anew else known)
        await asyncio.to_thread(note_id, data_dir, server_id_of(store.identity))
    return known in ("", store.identity)


async def begin_audit(audit: Audit, catalogue: Catalogue, data_dir: Path) -> None:
    """Append a row for each order that a crash has left without one; take what is there then as told."""
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(data_dir))
            no_command = True
        except FolderInUse:
            # What commands have left waits for the next start: one of them may be at work still.
            no_command = False
        found = await catalogue.audit.recover(commands=no_command)
    if found:
        log.warning("orders_not_answered", count=found, hint="The audit record names them.")
    await audit.begin()


async def console_token(catalogue: Catalogue, file: Path) -> str | None:
    """Make the console's token and its file where they are missing; return it if it is new."""
    with writable(file.parent):
        kept = await asyncio.to_thread(read_token, file)
        known = await catalogue.tokens.check(kept) if kept else None
        if known is not None and known.allows(Scope.LOOK):
            return None
        token = await catalogue.tokens.replace_console()
        await asyncio.to_thread(write_token, file, token)
        return token
