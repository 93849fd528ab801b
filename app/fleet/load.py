"""A load generator: real events at a steady rate, committed through the normal API of the server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from app.agent.api import Api
from app.runtime.tasks import Tasks
from app.wire.http import Goal
from streams.model.clients import Client
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

AT_ONCE = 8
GOALS_S = (60.0, 30 * 86_400.0)
"""In turn: with the short one a client is overdue, with the long one it is not, so each change is seen."""


Change = Callable[[str, float], Awaitable[object]]
"""Gives a client, by its id, another goal in seconds."""


def through(api: Api) -> Change:
    """Return what changes goals as a console does."""
    return lambda client_id, goal_s: api.call(
        "PATCH", f"/api/clients/{client_id}", Client, json=Goal(goal_s=goal_s)
    )


async def make_events(change: Change, client_ids: Sequence[str], per_second: float, tasks: Tasks) -> None:
    """Change the goals of the clients in turn, ``per_second`` times a second, for ever; each is one event.

    What cannot be kept up with is left out, not made up for: a rate is a rate.
    """
    loop = asyncio.get_running_loop()
    slots = asyncio.Semaphore(AT_ONCE)
    number = 0
    start_s = loop.time()
    while True:
        number += 1
        wait_s = start_s + number / per_second - loop.time()
        if wait_s < -1.0:
            start_s = loop.time() - number / per_second
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        await slots.acquire()
        client_id = client_ids[number % len(client_ids)]
        goal_s = GOALS_S[number // len(client_ids) % len(GOALS_S)]
        tasks.start(_change(change(client_id, goal_s), slots), "load")


async def _change(changing: Awaitable[object], slots: asyncio.Semaphore) -> None:
    try:
        await changing
    except TidewatchError as error:
        log.warning("load_refused", reason=error.message)
    finally:
        slots.release()
