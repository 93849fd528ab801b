"""Files for the browser, each at an address below the secret path that cannot be guessed and is good once."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

import structlog

from streams.model.failures import CommandFailed, TidewatchError
from streams.model.zip_stream import Pieces

log = structlog.stdlib.get_logger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

FOLDER: Final = "download"
BEGIN_S: Final = 30.0
"""Within this time the browser has to ask for it."""


class Handout:
    """One file that waits for the browser; implements ``ui.base.delivery.Handed``."""

    def __init__(self, address: str, name: str, pieces: Pieces) -> None:
        self._address = address
        self.name, self.pieces = name, pieces
        self.begun, self.unwanted = asyncio.Event(), asyncio.Event()
        self.started = False
        """Whether the browser has been told that a file comes: until then it can be kept on its page."""
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._until_s = loop.time() + BEGIN_S

    @property
    def address(self) -> str:
        """Where the browser gets it, once."""
        return self._address

    @property
    def is_good(self) -> bool:
        """Whether the browser may ask for it: in time, and while somebody wants it."""
        return not self.unwanted.is_set() and asyncio.get_running_loop().time() < self._until_s

    async def taken(self) -> None:
        """Wait until the browser has all of it; raise what ended it before."""
        try:
            await self._begun()
            await self.ended
        finally:
            # Who waited for it may want it no more: then its address is good no more, or it gets no end.
            self.unwanted.set()

    async def _begun(self) -> None:
        try:
            async with asyncio.timeout_at(self._until_s):
                await self.begun.wait()
        except TimeoutError:
            raise CommandFailed(
                f"{self.name}: the browser did not ask for it.",
                code="not_taken",
                hint="Allow this page to download files, and try again.",
            ) from None

    def end(self, error: BaseException | None = None) -> None:
        """Note how it ended; that nobody waits any more is no fault."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
            self.ended.exception()


class Handouts:
    """All files that wait, by what cannot be guessed of their addresses."""

    def __init__(self) -> None:
        self._waiting: dict[str, Handout] = {}

    def offer(self, name: str, pieces: Pieces) -> Handout:
        """Have a file wait for the browser; it is asked for once."""
        self._waiting = {key: each for key, each in self._waiting.items() if each.is_good}
        ticket = secrets.token_urlsafe(16)
        # Relative to the page, whose path holds the secret: it is in no log of what is said to the page.
        handout = Handout(f"{FOLDER}/{ticket}", name, pieces)
        self._waiting[ticket] = handout
        return handout

    def take(self, ticket: str) -> Handout | None:
        """Return what waits under a ticket, which is used up by that; None where nobody waits for it."""
        handout = self._waiting.pop(ticket, None)
        return handout if handout is not None and handout.is_good else None


class GiveOut:
    """Answers the addresses of what waits with the file, and hands every other request on."""

    def __init__(self, app: AsgiApp, root: str, handouts: Handouts) -> None:
        self._app, self._handouts = app, handouts
        self._start = f"{root}/{FOLDER}/"

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Send a file, 204 where there is none (the page stays), or hand the request on."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(self._start):
            await self._app(scope, receive, send)
            return
        handout = self._handouts.take(path.removeprefix(self._start)) if scope["method"] == "GET" else None
        if handout is None:
            await _no_content(send)
            return
        handout.begun.set()
        try:
            await _give(handout, receive, send)
        except TidewatchError as error:
            log.warning("not_delivered", file=handout.name, reason=error.line())
            handout.end(error)
        except BaseException as error:
            handout.end(error)
            raise


async def _give(handout: Handout, receive: Receive, send: Send) -> None:
    """Send the pieces until they end, the browser goes or nobody wants them; only whole it has an end."""
    sending = asyncio.create_task(_send_pieces(handout, send), name="file for a browser")
    ends = [asyncio.create_task(_gone(receive)), asyncio.create_task(handout.unwanted.wait())]
    try:
        await asyncio.wait({sending, *ends}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, *ends):
            task.cancel()
        await asyncio.wait({sending, *ends})
    failed = sending.cancelled() or sending.exception() is not None
    if failed and not handout.started:
        await _no_content(send)
    if sending.cancelled():
        raise CommandFailed(
            f"{handout.name}: it was broken off.", code="broken_off", hint="Download it again."
        )
    sending.result()
    if not handout.started:
        await _begin(handout, send)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    handout.end()


async def _send_pieces(handout: Handout, send: Send) -> None:
    async with aclosing(handout.pieces()) as pieces:
        async for piece in pieces:
            if not handout.started:
                await _begin(handout, send)
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _begin(handout: Handout, send: Send) -> None:
    handout.started = True
    name = quote(handout.name, safe="")
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _gone(receive: Receive) -> None:
    """Wait until the browser has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _no_content(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
