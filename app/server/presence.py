"""Presence of clients: who is there, as the catalogue has it, and when each was last heard of."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import UnknownClient
from app.server.client_registry import Roster
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.vocabulary import ClientState

log = structlog.stdlib.get_logger(__name__)

MISSED_POLLS = 3
"""An agent that asks over HTTP is gone when it has not asked for so many of its intervals."""
SETTLED_AT_ONCE = 64
SETTLE_AGAIN_S = 1.0
"""Pause before a state that could not be written is written again."""


class Presence:
    """Notes who has come, gone, been shut out and been let in again."""

    def __init__(self, catalogue: Catalogue, roster: Roster, connected: Callable[[str], bool]) -> None:
        self._catalogue = catalogue
        self._roster = roster
        self._connected = connected
        """Whether a client's agent has its socket open."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._heard: dict[str, float] = {}
        self._polled_until: dict[str, float] = {}
        """Until when agents that ask without a socket are taken to be there, by the monotonic clock."""
        self._unwritten: dict[str, float] = {}
        self._unsettled: dict[str, float] = {}
        """Clients of whom it has to be noted how they stand, and when by the monotonic clock."""
        self._to_settle = asyncio.Event()
        self._settling_fails = False
        self._ending = False

    def heard(self, client_id: str) -> None:
        """Note that something came from this client just now."""
        self._heard[client_id] = self._unwritten[client_id] = time.monotonic()

    async def polled(self, client_id: str, every_s: float) -> None:
        """Note that an agent without a socket is there; it is until it misses several questions."""
        until = time.monotonic() + every_s * MISSED_POLLS
        self._polled_until[client_id] = until
        client = self._roster.get(client_id)
        if client is None or client.state is not ClientState.ONLINE:
            await self.settled_now(client_id)
        self.due(client_id, until - time.monotonic())

    def _is_there(self, client_id: str) -> bool:
        """Whether the client's agent has its socket open, or asks without one."""
        return self._connected(client_id) or self._polled_until.get(client_id, 0.0) > time.monotonic()

    def forget(self, client_id: str) -> None:
        """Keep nothing more of a client that was removed."""
        self._polled_until.pop(client_id, None)
        self._heard.pop(client_id, None)
        self._unwritten.pop(client_id, None)
        self._unsettled.pop(client_id, None)

    def silent_s(self, client_id: str) -> float:
        """Return for how long nothing came from this client; since the start where nothing ever came."""
        return time.monotonic() - self._heard.setdefault(client_id, time.monotonic())

    def due(self, client_id: str, in_s: float) -> None:
        """Let ``run`` note how a client stands after so many seconds."""
        if not self._ending:
            self._unsettled[client_id] = time.monotonic() + in_s
            self._to_settle.set()

    async def run(self) -> None:
        """Note who has come and gone, until cancelled; what cannot be written now is written later."""
        while True:
            while not self._unsettled:
                self._to_settle.clear()
                await self._to_settle.wait()
            now = time.monotonic()
            due = [client_id for client_id, at in self._unsettled.items() if at <= now]
            if due:
                # Together, since what waits together is committed together.
                await asyncio.gather(*(self.settled_now(client_id) for client_id in due[:SETTLED_AT_ONCE]))
                continue
            self._to_settle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._unsettled.values()) - now):
                    await self._to_settle.wait()

    async def settled_now(self, client_id: str) -> None:
        """Note how a client stands; where that cannot be written, it is tried again."""
        # Tried again unless it is done: also where a mistake of ours ends this.
        self.due(client_id, SETTLE_AGAIN_S)
        due = self._unsettled.get(client_id)
        try:
            await self.settle(client_id)
        except UnknownClient:
            log.debug("client_removed_meanwhile", client=client_id)
        except TidewatchError as failure:
            if not self._settling_fails:
                log.warning("presence_not_written", code=failure.code, reason=failure.message)
            self._settling_fails = True
            return
        self._settling_fails = False
        if self._unsettled.get(client_id) == due:
            self._unsettled.pop(client_id, None)

    async def settle(self, client_id: str) -> None:
        """Make the catalogue say what is true: online while the socket is open, else offline."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            client = self._roster.get(client_id)
            state = ClientState.ONLINE if self._is_there(client_id) else ClientState.OFFLINE
            if client is None or client.state in (state, ClientState.DISCONNECTED, ClientState.REVOKED):
                return
            if client.state is ClientState.NEVER and state is ClientState.OFFLINE:
                return
            seen_at = utc_now() if state is ClientState.ONLINE else self._seen_at(client_id)
            await self._catalogue.clients.set_state(client_id, state, seen_at=seen_at)

    def _seen_at(self, client_id: str) -> datetime | None:
        heard = self._heard.get(client_id)
        return None if heard is None else utc_now() - timedelta(seconds=time.monotonic() - heard)

    async def shut_out(self, client_id: str) -> None:
        """Note that a client is disconnected until it is allowed again."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            await self._catalogue.clients.set_state(client_id, ClientState.DISCONNECTED)

    async def allow(self, client_id: str) -> None:
        """Note that a disconnected client may come again."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            await self._catalogue.clients.allow(client_id)

    async def write_seen(self) -> None:
        """Note in the catalogue who was heard of, in one write and without events."""
        heard, self._unwritten = self._unwritten, {}
        now, clock = utc_now(), time.monotonic()
        times = {client_id: now - timedelta(seconds=clock - at) for client_id, at in heard.items()}
        try:
            await self._catalogue.clients.seen(times)
        except BaseException:
            # Written with the next ones; who was heard of since keeps the newer time.
            self._unwritten = heard | self._unwritten
            raise

    def end(self) -> None:
        """Note no more who goes: the server ends, and all of them come back when it does."""
        self._ending = True
