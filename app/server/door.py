"""The door: bounds on connections, above all on those that have not shown a token yet.

A connection counts as unauthenticated from its first byte until a request with a good token. Those are few,
live some seconds while they wait for their peer, and give way to new ones, the oldest of the busiest address
first. So a console gets in however many idle sockets others hold.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from app.catalogue.tokens import TokenInfo
from app.runtime.log_limits import LimitedLog
from app.runtime.process import open_files_limit
from app.server.peers import network_of
from app.server.problems import Refused

log = structlog.stdlib.get_logger(__name__)
limited = LimitedLog(log)

SWEEP_S = 1.0
HEAD_S = 10.0
"""How long an unauthenticated connection may wait for the head of a request, or between two requests."""
ANSWER_S = 60.0
"""How long one may take over a single request, its answer included."""
GRACE_S = 0.25
"""A connection is not closed for another one before that: it may just not have been served yet."""
UNAUTHENTICATED = 256
MAX_CONNECTIONS = 20_000
OWN_FILES = 256
"""Open files that are left to the catalogue, the store and the log."""
FILES_PER_CLIENT = 2
"""The socket of its agent, and a connection for a backup."""
PER_AGENT, PER_CONSOLE = 128, 256
"""Connections of one token; an agent uses one for each file in flight, and its socket."""
CONSOLE_RESERVE = 32
"""Connections that only consoles may take, so that agents cannot shut them out."""


@dataclass(slots=True, eq=False)
class Connection:
    """One accepted socket; ``close`` cuts it at once."""

    network: str
    close: Callable[[], object]
    changed_at: float
    """When it last came from waiting to answering or back."""
    handler: web.RequestHandler | None = None
    token: TokenInfo | None = None
    delayed: bool = False
    """Its request waits because of wrong guesses, which holds no place against others."""
    state: tuple[int, bool] = (0, False)
    held: "set[Connection]" = field(default_factory=set["Connection"])
    """All connections of its token."""

    @property
    def answering(self) -> bool:
        """Whether a request is being answered."""
        return self.handler is not None and self.handler._current_request is not None

    @property
    def waits_for_peer(self) -> bool:
        """Whether it waits for a handshake, a head or a body: nothing is lost with it but the peer's time."""
        request = self.handler._current_request if self.handler is not None else None
        return request is None or self.delayed or not request._payload.is_eof()


class Door:
    """Knows every connection of a server's two ports."""

    def __init__(
        self,
        open_files: int,
        *,
        unauthenticated: int = UNAUTHENTICATED,
        head_s: float = HEAD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unauthenticated = max(8, min(unauthenticated, open_files // 8))
        self._authenticated = max(16, min(open_files - OWN_FILES - self._unauthenticated, MAX_CONNECTIONS))
        self._head_s, self._clock = head_s, clock
        self._by_handler: dict[web.RequestHandler, Connection] = {}
        self._waiting: dict[Connection, None] = {}
        """Unauthenticated connections, the oldest first."""
        self._of_token: dict[int, set[Connection]] = {}
        self._known = 0

    @property
    def unauthenticated(self) -> int:
        """How many connections have shown no token."""
        return len(self._waiting)

    @property
    def authenticated(self) -> int:
        """How many connections have shown a good token."""
        return self._known

    def has_room(self) -> bool:
        """Whether another connection may be accepted; closes an older one for it where that is needed."""
        return len(self._waiting) < self._unauthenticated or self.close_oldest()

    def close_oldest(self) -> bool:
        """Close the unauthenticated connection that has waited longest, of the address that has most."""
        before = self._clock() - GRACE_S
        idle = [c for c in self._waiting if c.waits_for_peer and c.changed_at <= before]
        if not idle:
            return False
        counts = Counter(connection.network for connection in self._waiting)
        victim = max(idle, key=lambda c: counts[c.network])  # the first of equals, which is the oldest
        limited.warning("connections_full", peer=victim.network, open=len(self._waiting))
        self._drop(victim)
        return True

    def admit(self, address: str, close: Callable[[], object]) -> Connection:
        """Take note of an accepted socket."""
        connection = Connection(network_of(address), close, self._clock())
        self._waiting[connection] = None
        return connection

    def serves(self, connection: Connection, handler: web.RequestHandler) -> None:
        """Take note of what speaks HTTP on a connection."""
        connection.handler = handler
        self._by_handler[handler] = connection

    def enter(self, request: web.Request, token: TokenInfo) -> None:
        """Let a connection be one of ``token``; raises ``Refused`` too_many_connections."""
        connection = self._by_handler.get(request.protocol)
        if connection is None or connection.token is not None:
            return
        own = self._of_token.get(token.id, set())
        most = PER_CONSOLE if token.client_id is None else PER_AGENT
        places = self._authenticated - (0 if token.client_id is None else CONSOLE_RESERVE)
        if (len(own) >= most and not self._close_idle(own)) or (
            self._known >= places and not any(map(self._close_idle, list(self._of_token.values())))
        ):
            raise Refused(
                "too_many_connections",
                "Too many connections are open.",
                detail="Close some of them, or raise the server's limit of open files.",
                headers={"Retry-After": "5", "Connection": "close"},
            )
        self._waiting.pop(connection, None)
        connection.token, connection.held = token, own
        own.add(connection)
        self._of_token[token.id] = own
        self._known += 1

    def _close_idle(self, connections: set[Connection]) -> bool:
        idle = next((c for c in connections if not c.answering), None)
        if idle is None:
            return False
        self._drop(idle)
        return True

    def delaying(self, request: web.Request, delayed: bool) -> None:
        """Note that a request waits because of wrong guesses, or no longer."""
        connection = self._by_handler.get(request.protocol)
        if connection is not None:
            connection.delayed = delayed

    def left(self, handler: web.RequestHandler) -> None:
        """Forget the connection of ``handler``."""
        connection = self._by_handler.get(handler)
        if connection is not None:
            self.forget(connection)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._waiting.pop(connection, None)
        if connection.handler is not None:
            self._by_handler.pop(connection.handler, None)
        if connection.token is not None and connection in connection.held:
            connection.held.discard(connection)
            self._known -= 1
            if not connection.held and self._of_token.get(connection.token.id) is connection.held:
                del self._of_token[connection.token.id]

    def _drop(self, connection: Connection) -> None:
        self.forget(connection)
        connection.close()

    def sweep(self) -> None:
        """Close unauthenticated connections that make their server wait."""
        now = self._clock()
        for connection in list(self._waiting):
            handler = connection.handler
            state = (0, False) if handler is None else (handler._request_count, connection.answering)
            if state != connection.state:
                connection.state, connection.changed_at = state, now
            elif now - connection.changed_at > (ANSWER_S if connection.answering else self._head_s):
                limited.info("waited_in_vain", peer=connection.network)
                self._drop(connection)

    async def run(self) -> None:
        """Sweep each second until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()


def check_file_limit(clients: int) -> None:
    """Log where all clients at once would need more files than the operating system allows."""
    needed, limit = OWN_FILES + FILES_PER_CLIENT * clients, open_files_limit()
    if limit < needed:
        log.warning(
            "few_open_files",
            limit=limit,
            needed=needed,
            clients=clients,
            hint="Raise the hard limit (LimitNOFILE= of systemd, ulimit -Hn).",
        )
