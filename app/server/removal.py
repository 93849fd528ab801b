"""Removing clients for good: shut out, their runs ended, then forgotten with all that is kept of them."""

import structlog

from app.catalogue.catalogue import Catalogue
from app.server.agents import AgentsHub
from app.server.running import RunningRuns
from app.store.store import Store
from app.tasks import Tasks
from streams.records.clients import ClientHoldings

log = structlog.stdlib.get_logger(__name__)

REMOVED = "the client was removed by an operator"


class ClientRemoval:
    """What an operator cannot take back."""

    def __init__(
        self, *, catalogue: Catalogue, store: Store, agents: AgentsHub, running: RunningRuns, tasks: Tasks
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._agents = agents
        self._running = running
        self._tasks = tasks

    async def remove(self, client_id: str) -> ClientHoldings:
        """Remove a client; its contents leave the store afterwards. Raises UnknownClient."""
        # Shut out first, so that nothing of it arrives while it goes.
        await self._agents.shut_out(client_id)
        for run in self._running.of(client_id):
            await self._running.fail(run.id, REMOVED)
        held = await self._catalogue.removal.remove(client_id)
        self._agents.forget(client_id)
        self._tasks.keep(self._finish, f"remove-{client_id}")
        return held

    async def _finish(self) -> None:
        """Let its rows and contents go; what a crash leaves of it goes with the next retention."""
        rows = await self._catalogue.removal.finish()
        dropped = await self._catalogue.doomed.drop(self._store)
        log.info("removal_finished", rows=rows, contents_dropped=dropped)
