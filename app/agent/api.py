"""The server's HTTP API, as agent and restore speak it; every failure is one of ours."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
import structlog

from app.agent.address import Address
from app.agent.failures import AGENT_TOKEN, HINTS, Refusal, failure_of, unknown_token
from app.wire.http import Health, Problem
from app.wire.redirects import refuse_redirects
from streams.model.events import PROTOCOL_VERSION
from streams.model.failures import CommandFailed, TidewatchError, WrongToken, WrongVersion

CONNECT_S = 10.0
ANSWER_S = 120.0
BODY_CHUNK_BYTES = 256 * 1024
MAX_REPLY_BYTES = 64 * 1024 * 1024
"""No page of answers is as large, whatever names are in it."""
MAX_PROBLEM_BYTES = 64 * 1024
MAX_RETRY_AFTER_S = 300.0
WRONG_TOKEN = "wrong_token"
T = TypeVar("T")


def _correlation() -> dict[str, str]:
    """Return the header under which the server's log tells what it did for this backup."""
    correlation_id = structlog.contextvars.get_contextvars().get("correlation_id")
    return {"X-Correlation-Id": str(correlation_id)} if correlation_id else {}


class Api:
    """Requests to one server with one token; open it with ``async with``."""

    def __init__(
        self,
        address: Address,
        token: str | None = None,
        *,
        connections: int = 16,
        token_hint: str = AGENT_TOKEN,
    ) -> None:
        self.address = address
        self.token = token
        self.token_hint = token_hint
        """What to do where the token is good no more."""
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            base_url=self.address.url.origin(),
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self.address.tls or True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            middlewares=(refuse_redirects,),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("the API is used outside of its context")
        return self._session

    @property
    def headers(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def health(self) -> Health:
        """Return the server's health; raise ``WrongVersion`` for what is no server of this release."""
        hint = "Check the address given with --server."
        try:
            health = await self.call("GET", "/health", Health)
        except (CommandFailed, WrongToken):
            health = None
        if health is None or health.name != "tidewatch":
            raise WrongVersion(f"{self.address} answers, but is no Tidewatch server.", hint=hint)
        if health.protocol != PROTOCOL_VERSION:
            raise WrongVersion(
                f"{self.address} speaks version {health.protocol} of the protocol,"
                f" this program {PROTOCOL_VERSION}.",
                hint="Use the same release on both.",
            )
        return health

    async def call(
        self,
        method: str,
        path: str,
        reply: type[T],
        *,
        json: msgspec.Struct | None = None,
        data: bytes | AsyncIterator[bytes] | None = None,
        size: int | None = None,
        params: dict[str, Any] | None = None,
    ) -> T:
        """Return the answer to one request, decoded; raise one of our failures.

        ``data`` is the raw body; as an iterator it needs its ``size``.
        """
        headers: dict[str, str] = {}
        if json is not None:
            data = msgspec.json.encode(json)
            headers["Content-Type"] = "application/json"
        if isinstance(data, bytes):
            size = len(data)
            data = _slices(data) if size > BODY_CHUNK_BYTES else data
        if size is not None:
            headers["Content-Length"] = str(size)
        if data is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        async with self.request(method, path, headers=headers, data=data, params=params) as response:
            body = await self._body(response, MAX_REPLY_BYTES)
        try:
            return msgspec.json.decode(body, type=reply)
        except msgspec.DecodeError:
            raise WrongVersion(
                f"{self.address} gives an answer that cannot be read.",
                hint="Check that it is a Tidewatch server of the same release.",
            ) from None

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open one request; what goes wrong until its body is read is raised as one of our failures."""
        try:
            async with self.session.request(
                method,
                self.address.path(path),
                headers={**self.headers, **_correlation(), **(headers or {})},
                allow_redirects=False,
                **more,
            ) as response:
                if response.status >= 300:
                    raise await self._refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise failure_of(error, self.address) from error

    async def _body(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """Return a body whole; raise ``WrongVersion`` for one that is larger than any answer can be."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit:
                response.close()
                raise WrongVersion(
                    f"{self.address} gives an answer that does not end.",
                    hint="Check that it is a Tidewatch server of the same release.",
                )
        return bytes(body)

    async def _refusal(self, response: aiohttp.ClientResponse) -> TidewatchError:
        body = await self._body(response, MAX_PROBLEM_BYTES)
        try:
            problem = msgspec.json.decode(body, type=Problem)
        except msgspec.DecodeError:
            problem = None
        if problem is None or (response.status == 401 and problem.code != WRONG_TOKEN):
            # A proxy or a portal in between; only the server itself says that a token is good no more.
            what = f"Something between here and the server answered {response.status}."
            problem = Problem(code=f"http_{response.status}", message=what)
        elif problem.code == WRONG_TOKEN:
            return unknown_token(self.address, self.token_hint)
        after = response.headers.get("Retry-After", "")
        return Refusal(
            problem,
            status=response.status,
            retry_after_s=min(float(after), MAX_RETRY_AFTER_S) if after.isdecimal() else None,
            hint=HINTS.get(problem.code, problem.detail),
        )


async def _slices(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), BODY_CHUNK_BYTES):
        yield bytes(view[start : start + BODY_CHUNK_BYTES])
        await asyncio.sleep(0)
