"""The socket of a console: hello, resume with replay, then live frames until it leaves."""

import asyncio

import msgspec
import structlog
from aiohttp import ClientConnectionError, WSMsgType, web

from app.catalogue.catalogue import Catalogue
from app.catalogue.tokens import TokenInfo
from app.runtime.version import VERSION
from app.server.hub import Hub, Reader
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.sockets import CLOSE_GOING_AWAY, CLOSE_OK, CLOSE_UNREADABLE, first_of, part, send
from app.wire.http import CLOSE_WRONG_TOKEN
from streams.model.base import utc_now
from streams.model.events import (
    PROTOCOL_VERSION,
    ConsoleFrame,
    Hello,
    Ping,
    Pong,
    Reset,
    Resume,
    SocketProblem,
    Subscribe,
    decode_console_frame,
    encode,
)
from streams.model.vocabulary import CONSOLE_SCOPES, Scope

log = structlog.stdlib.get_logger(__name__)

CLOSE_TOO_SLOW = 4408
FRAME_BYTES = 64 * 1024
"""The largest frame a console may send."""
PAGE_EVENTS = 500
CLOSE_CODES = {
    "too_slow": CLOSE_TOO_SLOW,
    "wrong_token": CLOSE_WRONG_TOKEN,
    "shutting_down": CLOSE_GOING_AWAY,
}
"""Close code of each problem; any other is a frame that could not be read."""


class _Unreadable(Exception):
    """The console sent something that is no frame, or not in its turn."""


class EventSocket:
    """One console's connection."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        catalogue: Catalogue,
        hub: Hub,
        limits: Limits,
        reader: Reader,
        scopes: frozenset[Scope],
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._scopes = scopes
        self._catalogue = catalogue
        self._hub = hub
        self._limits = limits
        self._reader = reader

    async def run(self) -> None:
        """Talk until the console leaves, breaks the protocol, or is closed by the hub."""
        try:
            await self._greet()
            await first_of(self._read(), self._write())
        except _Unreadable as problem:
            self._reader.close(SocketProblem(code="unreadable_frame", message=str(problem)))
        except (ClientConnectionError, TimeoutError) as lost:
            log.info("console_lost", reason=type(lost).__name__)
        finally:
            await self._part()

    async def _greet(self) -> None:
        await self._send(
            encode(
                Hello(
                    protocol=PROTOCOL_VERSION,
                    epoch=self._catalogue.epoch,
                    last_seq=self._catalogue.last_seq,
                    server_version=VERSION,
                    at=utc_now(),
                    scopes=tuple(scope for scope in CONSOLE_SCOPES if scope in self._scopes),
                )
            )
        )
        try:
            async with asyncio.timeout(self._limits.resume_s):
                frame = await self._next()
        except TimeoutError:
            raise _Unreadable(f"No resume came within {self._limits.resume_s:g} s.") from None
        if frame is None:
            raise ClientConnectionError
        if not isinstance(frame, Resume):
            raise _Unreadable("The first frame must be resume.")
        await self._resume(frame)

    async def _resume(self, resume: Resume) -> None:
        # Live events are queued from here on, so that replay up to this number leaves no gap.
        self._hub.listen(self._reader, resume.topics)
        upto = self._catalogue.last_seq
        self._reader.replayed_seq = upto
        if resume.epoch is None:
            return
        reason = await self._reset_reason(resume, upto)
        if reason is not None:
            await self._send(encode(Reset(reason=reason, epoch=self._catalogue.epoch, last_seq=upto)))
            return
        topics = frozenset(resume.topics)
        after = resume.after_seq
        while after < upto:
            page = await self._catalogue.events.after(after, PAGE_EVENTS)
            for event in page:
                if event.seq <= upto and not topics.isdisjoint(event.topics):
                    await self._send(encode(event))
            if not page:
                return
            after = page[-1].seq

    async def _reset_reason(self, resume: Resume, upto: int) -> str | None:
        if resume.epoch != self._catalogue.epoch:
            return "The numbering of events began afresh."
        if resume.after_seq > upto:
            return "That event has not happened here."
        if upto - resume.after_seq > self._limits.replay_events:
            return "Too many events were missed."
        oldest = await self._catalogue.events.oldest_seq()
        if upto > resume.after_seq and (oldest is None or resume.after_seq + 1 < oldest):
            return "The missed events are no longer kept."
        return None

    async def _read(self) -> None:
        while (frame := await self._next()) is not None:
            match frame:
                case Ping(id=number):
                    await self._send(encode(Pong(id=number, at=utc_now())))
                case Subscribe(topics=topics):
                    self._hub.listen(self._reader, topics)
                case Resume():
                    raise _Unreadable("Resume comes only once.")

    async def _next(self) -> ConsoleFrame | None:
        message = await self._socket.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return None
        if message.type is not WSMsgType.TEXT:
            raise _Unreadable("Frames are text.")
        try:
            return decode_console_frame(message.data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _Unreadable(f"That is no frame: {error}.") from None

    async def _write(self) -> None:
        while payloads := await self._reader.take():
            for payload in payloads:
                await self._send(payload)

    async def _send(self, payload: bytes) -> None:
        await send(self._socket, payload, self._limits.send_s)

    async def _part(self) -> None:
        problem = self._reader.problem
        code = CLOSE_OK if problem is None else CLOSE_CODES.get(problem.code, CLOSE_UNREADABLE)
        await part(self._socket, self._transport, code, None if problem is None else encode(problem))


async def serve_console(
    request: web.Request, *, catalogue: Catalogue, hub: Hub, limits: Limits, token: TokenInfo
) -> web.WebSocketResponse:
    """GET /events: the event socket of a console; 429 too_many_sockets where its token has too many."""
    if hub.sockets_of(token.id) >= limits.sockets_per_token:
        raise Refused("too_many_sockets", "This token has too many event sockets open.")
    socket = web.WebSocketResponse(
        heartbeat=limits.heartbeat_s, compress=False, max_msg_size=FRAME_BYTES, timeout=1.0
    )
    await socket.prepare(request)
    reader = hub.attach(token.id)
    try:
        await EventSocket(
            socket,
            request.transport,
            catalogue=catalogue,
            hub=hub,
            limits=limits,
            reader=reader,
            scopes=token.scopes,
        ).run()
    finally:
        hub.detach(reader)
    return socket
