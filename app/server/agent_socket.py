"""The socket of one agent: what is sent through it, why it is closed, and the frames that come."""

import asyncio

from aiohttp import WSMsgType, web

from app.server.sockets import CLOSE_GOING_AWAY, CLOSE_OK, CLOSE_UNREADABLE, part, send
from app.wire.agent_socket import AgentProblem, CommandAck, ToAgentFrame
from app.wire.http import CLOSE_DISCONNECTED, CLOSE_WRONG_TOKEN, TOKEN_REVOKED, encode

ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
FRAME_BYTES = 256 * 1024
"""The largest frame an agent may send."""
CLOSE_REPLACED = 4409
"""Close code of a socket whose client has connected again."""

SHUT_OUT = AgentProblem(code="client_disconnected", message="An operator has disconnected this client.")
REVOKED = AgentProblem(code="wrong_token", message=TOKEN_REVOKED)
REPLACED = AgentProblem(code="replaced", message="This client has connected again.")
UNREADABLE = AgentProblem(code="unreadable_frame", message="That is no frame of an agent.")
ENDING = AgentProblem(code="shutting_down", message="The server ends.")
CLOSE_CODES = {
    SHUT_OUT: CLOSE_DISCONNECTED,
    REVOKED: CLOSE_WRONG_TOKEN,
    REPLACED: CLOSE_REPLACED,
    UNREADABLE: CLOSE_UNREADABLE,
    ENDING: CLOSE_GOING_AWAY,
}


class AgentLink:
    """The socket of one agent."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        client_id: str,
        token_id: object,
    ) -> None:
        self.client_id = client_id
        self.token_id = token_id
        self.socket = socket
        self._transport = transport
        self.problem: AgentProblem | None = None
        self.dismissed = asyncio.Event()
        self.gone = asyncio.Event()
        self.acks: dict[int, asyncio.Future[CommandAck]] = {}

    async def send(self, frame: ToAgentFrame, within_s: float) -> None:
        """Send a frame; an agent that does not take it in time raises ``TimeoutError``."""
        await send(self.socket, encode(frame), within_s)

    def dismiss(self, problem: AgentProblem) -> None:
        """Let the task of this socket close it with a reason."""
        self.problem = self.problem or problem
        self.dismissed.set()

    async def part(self) -> None:
        """Close, with a reason if there is one; only the task of this socket may."""
        code = CLOSE_OK if self.problem is None else CLOSE_CODES[self.problem]
        try:
            await part(
                self.socket, self._transport, code, None if self.problem is None else encode(self.problem)
            )
        finally:
            self.gone.set()
