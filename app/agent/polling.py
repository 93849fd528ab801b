"""Asks the server over HTTP what it would tell over the socket, as long as the socket cannot be opened.

A firewall, a container's port mapping or a reverse proxy often lets one port through: backups, orders and
signs of life then go the one way that is open.
"""

import asyncio
from collections.abc import Callable

from app.agent.api import Api
from app.agent.link import Link, ShutOut
from app.runtime.tasks import end_if_cancelled
from app.wire.http import AgentClient
from streams.model.failures import TidewatchError, WrongToken
from streams.model.vocabulary import ClientState

ONLY_HTTP = (
    "The server's port for events cannot be reached from here; its orders are asked for every {every_s:g} s."
)


class Polling:
    """Asks as often as signs of life are sent, and only while there is no socket."""

    def __init__(
        self,
        api: Api,
        link: Link,
        *,
        every_s: float,
        on_client: Callable[[AgentClient], None],
        on_refused: Callable[[TidewatchError], None],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api, self._link, self._every_s = api, link, every_s
        self._on_client, self._on_refused, self._say = on_client, on_refused, say
        self._said = False
        self.answered = asyncio.Event()
        """The last question was answered: the server can be reached, by this way at least."""

    async def run(self) -> None:
        """Ask until cancelled; ends with ``WrongToken`` when the token is no longer good."""
        while True:
            await asyncio.sleep(self._every_s)
            if self._link.connected.is_set():
                self._said = False
                continue
            try:
                await self._ask()
            except WrongToken as error:
                self._on_refused(error)
                raise
            except TidewatchError:
                # The socket's owner says that the server is away.
                end_if_cancelled()
                self.answered.clear()

    async def _ask(self) -> None:
        # Its ports may be others since it was started again.
        self._link.events_port = (await self._api.health()).events_port
        params = {"poll_s": self._every_s}
        client = await self._api.call("GET", "/api/agent/client", AgentClient, params=params)
        self.answered.set()
        if self._link.connected.is_set():
            return
        if client.state is ClientState.DISCONNECTED:
            self._on_refused(ShutOut())
            return
        if not self._said:
            self._said = True
            self._say(ONLY_HTTP.format(every_s=self._every_s))
        self._on_client(client)
