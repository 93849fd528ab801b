"""Requests to the server: authorised, limited in time, failures ours, equal answers parsed once."""

import asyncio
import ssl
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, TypeVar

import aiohttp
import msgspec
import structlog

from app.bridge.address import Address
from app.bridge.errors import refusal, translated
from app.bridge.tolerant import salvaged
from app.wire.redirects import refuse_redirects
from streams.core.types import Seconds, seconds_of
from streams.model.base import Record
from streams.model.failures import ServerUnreachable, TidewatchError

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

KEPT_ANSWERS = 64
"""Answers kept for comparing, one a question; the screen asks far fewer at a time."""

KEPT_BYTES = 256 * 1024
"""A larger answer, such as a page of the log, is not kept."""

Heard = Callable[[TidewatchError | None], None]
"""Told of the end of every request: None, or why there was no answer."""


class HttpClient:
    """Asks the server; knows its address and token, not what the answers are for."""

    def __init__(
        self,
        address: Address,
        token: Callable[[], Awaitable[str]],
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: Seconds = 4.0,
        heard: Heard = lambda _: None,
    ) -> None:
        self.address = address
        self.token = token
        self.heard = heard
        self.dated: Callable[[float, str], None] = lambda _round_trip_s, _date: None
        """Told of each answer how long it took, and the server's date in it."""
        self.foreign: Callable[[], TidewatchError | None] = lambda: None
        """Why nothing is asked though the server answers: it speaks another version of the protocol."""
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=16, ssl=tls if tls is not None else True),
            auto_decompress=True,
            raise_for_status=False,
            middlewares=(refuse_redirects,),
        )
        self._answers: OrderedDict[str, tuple[bytes, Any]] = OrderedDict()
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        self.requests = 0
        self.repeats = 0
        """Answers whose bytes were those of the last one."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, for the event socket."""
        return self._session

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def get(self, path: str, kind: type[T], **query: str | int | float | None) -> T:
        """Return the answer to a question; the very same object as last time where its bytes are the same."""
        params = {key: str(value) for key, value in query.items() if value is not None and value != ""}
        body = await self._ask("GET", path, params=params)
        key = f"{path}?{sorted(params.items())}"
        known = self._answers.get(key)
        if known is not None and known[0] == body:
            self.repeats += 1
            self._answers.move_to_end(key)
            return known[1]
        value = self.decode(body, kind, path)
        if len(body) > KEPT_BYTES:
            self._answers.pop(key, None)
            return value
        self._answers[key] = (body, value)
        if len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
        return value

    async def send(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: Record | None = None,
        *,
        limit_s: float | None = None,
    ) -> T:
        """Carry out a command and return what the server says was done."""
        data = msgspec.json.encode(body) if body is not None else None
        return self.decode(await self._ask(method, path, data=data, limit_s=limit_s), kind, path)

    def decode(self, body: bytes, kind: type[T], path: str) -> T:
        """Return the record in an answer; raise WrongVersion where it is another.

        An element of a list that cannot be read is left out, and said in the log.
        """
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        with translated(f"{self.address.http}{path}"):
            try:
                return decoder.decode(body)
            except msgspec.ValidationError:
                return salvaged(body, kind, path)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        limit_s: float | None = None,
    ) -> bytes:
        async with self.open(method, path, params=params, data=data, limit_s=limit_s) as answer:
            return await answer.read()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        limit_s: float | None = None,
        authorised: bool = True,
        streaming: bool = False,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Give the answer to be read as it comes; raise ours for one that is no success.

        ``streaming`` limits the silence between two pieces instead of the whole.
        """
        where = self.address.http
        if self._session.closed:  # a poll whose turn comes after that is no fault
            raise ServerUnreachable(f"{where}: not asked, since the console ends.")
        if (wrong := self.foreign()) is not None and authorised:
            raise wrong
        self.requests += 1
        request_id = uuid.uuid4().hex[:16]
        limit_s = limit_s or seconds_of(self._timeout_s)
        silence = aiohttp.ClientTimeout(total=None, sock_connect=limit_s, sock_read=max(limit_s, 30))
        try:
            async with asyncio.timeout(None if streaming else limit_s):
                headers = {"Accept": "application/json", "X-Request-Id": request_id}
                if authorised:
                    headers["Authorization"] = f"Bearer {await self.token()}"
                if data is not None:
                    headers["Content-Type"] = "application/json"
                asked_s = perf_counter()
                with translated(where):
                    async with self._session.request(
                        method,
                        where + path,
                        params=params,
                        data=data,
                        headers=headers,
                        allow_redirects=False,
                        timeout=silence,
                    ) as answer:
                        self.dated(perf_counter() - asked_s, answer.headers.get("Date", ""))
                        if not 200 <= answer.status < 300:
                            raise refusal(answer.status, await answer.read(), where)
                        yield answer
        except TimeoutError as error:
            with translated(where):
                raise error
        except TidewatchError as error:
            log.info("request_failed", method=method, path=path, reason=error.message, request_id=request_id)
            self.heard(error)
            raise
        else:
            self.heard(None)
