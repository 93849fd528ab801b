"""Removing clients for good: shut out and marked at once, forgotten with all that is kept when due."""

import asyncio
from datetime import timedelta

import msgspec
import structlog

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import NotMarked, Protected, UnknownClient
from app.catalogue.holds import DueClient
from app.runtime.tasks import Tasks
from app.server.agents import AgentsHub
from app.server.limits import Limits
from app.server.running import RunningRuns
from app.store.store import Store
from streams.model.clients import Client, ClientHoldings
from streams.model.vocabulary import AuditAction

log = structlog.stdlib.get_logger(__name__)

REMOVED = "the client was removed by an operator"


class ClientRemoval:
    """Marks clients, and removes those whose time has come; until then an operator can take it back."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: Store,
        agents: AgentsHub,
        running: RunningRuns,
        limits: Limits,
        tasks: Tasks,
    ) -> None:
        self._limits = limits
        self._catalogue = catalogue
        self._store = store
        self._agents = agents
        self._running = running
        self._tasks = tasks

    async def remove(self, client_id: str) -> ClientHoldings:
        """Shut a client out and mark it for removal after the delay; without a delay remove it now.

        Raises UnknownClient, and Protected.
        """
        await self._catalogue.holds.check_removable(client_id)
        # Shut out first, so that nothing of it arrives while it goes.
        await self._agents.shut_out(client_id)
        for run in self._running.of(client_id):
            await self._running.fail(run.id, REMOVED)
        delay = await self.delay()
        if not delay:
            return await self._destroy(client_id)
        await self._catalogue.holds.mark(client_id, delay)
        return await self._catalogue.removal.holdings(client_id)

    async def keep(self, client_id: str) -> Client:
        """Take the mark of a client away and let it in again. Raises UnknownClient and NotMarked."""
        await self._catalogue.holds.unmark(client_id)
        await self._agents.allow(client_id)
        return await self._catalogue.clients.one(client_id)

    async def delay(self) -> timedelta:
        """Return how long a mark is held; a shorter delay than before holds only after the earlier one."""
        return timedelta(hours=await self._catalogue.holds.settled_delay_h(self._limits.destroy_delay_h))

    async def run(self) -> None:
        """Remove the clients whose time has come, until cancelled."""
        while True:
            await self.destroy_due()
            await asyncio.sleep(self._limits.destroy_every_s)

    async def destroy_due(self) -> None:
        """Remove the clients whose time has come, by the time that is trusted."""
        for due in await self._catalogue.holds.due():
            row = AuditNote(action=AuditAction.CLIENT_REMOVED, who="server", target=f"client {due.name}")
            try:
                await self._destroy(due.id, row, due)
            except (UnknownClient, Protected, NotMarked) as error:
                log.info("removal_called_off", client=due.name, reason=error.message)

    async def _destroy(
        self, client_id: str, row: AuditNote | None = None, due: DueClient | None = None
    ) -> ClientHoldings:
        held = await self._catalogue.removal.remove(client_id, row, due=due)
        held = msgspec.structs.replace(held, destroy_at=None)
        self._agents.presence.forget(client_id)
        self._tasks.keep(self._finish, f"remove-{client_id}")
        return held

    async def _finish(self) -> None:
        """Let its rows and contents go; what a crash leaves of it goes with the next retention."""
        rows = await self._catalogue.removal.finish()
        dropped = await self._catalogue.doomed.drop(self._store)
        log.info("removal_finished", rows=rows, contents_dropped=dropped)


async def settled_keep(catalogue: Catalogue, limits: Limits) -> timedelta:
    """Return how long deleted files are kept, at least the delay; a shorter time holds only after it."""
    delay = timedelta(hours=await catalogue.holds.settled_delay_h(limits.destroy_delay_h))
    days = await catalogue.holds.settled("keep_deleted_days", limits.keep_deleted_days, delay)
    return max(timedelta(days=days), delay)


async def settled_audit(catalogue: Catalogue, limits: Limits) -> timedelta:
    """Return how long rows of the audit record are kept; a shorter time holds only after the delay."""
    delay = timedelta(hours=await catalogue.holds.settled_delay_h(limits.destroy_delay_h))
    return timedelta(days=await catalogue.holds.settled("audit_days", limits.audit_days, delay))
