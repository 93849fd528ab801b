"""Asking the server for a client and for what its files were at a time."""

import asyncio
from datetime import datetime

from app.agent.api import Api
from app.agent.paging import later
from app.agent.restore_plan import RestorePlan
from app.agent.retry import Patience
from app.wire.http import ClientList, VersionPage
from streams.model.clients import Client
from streams.model.failures import ConfigRejected

PAGE = 1000
ANY_CLIENT, OWN_CLIENT = "/api", "/api/agent"
"""Where trees and contents are asked for: with a token of a console, or with that of the client itself."""


async def find_client(api: Api, patience: Patience, name: str) -> Client:
    """Return the client of this name (or id); raise ``ConfigRejected``."""
    listed = await patience.through(lambda: api.call("GET", "/api/clients", ClientList))
    found = next((c for c in listed.clients if c.name == name), None)
    found = found or next((c for c in listed.clients if c.id == name), None)
    if found is None:
        names = ", ".join(sorted(c.name for c in listed.clients)[:10]) or "none"
        raise ConfigRejected(f"The server knows no client {name!r}.", hint=f"It knows: {names}.")
    return found


async def read_tree(api: Api, patience: Patience, client_id: str | None, at: datetime | None) -> RestorePlan:
    """Return what was there at a time (None: now); without a client that of the token itself."""
    params: dict[str, str | int] = {"limit": PAGE}
    if client_id is not None:
        params["client_id"] = client_id
    path = f"{OWN_CLIENT if client_id is None else ANY_CLIENT}/tree"
    if at is not None:
        params["at"] = at.isoformat().replace("+00:00", "Z")
    plan = RestorePlan()
    after: int | None = None
    while True:
        page = await patience.through(lambda: api.call("GET", path, VersionPage, params=dict(params)))
        await asyncio.to_thread(plan.add, page.entries)
        if page.next_after is None:
            return plan
        after = params["after"] = later(after, page.next_after)
