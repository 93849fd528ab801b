"""Calls: a handler is a plain function of typed arguments; this is the one wrapper that speaks HTTP for it.

What a handler takes is read from its annotations, and so is the OpenAPI description: ``room`` (the parts of
the server), ``request``, ``token``, ``body`` (a record, from JSON), ``query`` (a record, from the query
string) and the parts of its path by name. It returns records, or a response of its own where it answers with
bytes, or raises.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

import msgspec
from aiohttp import web

from app.catalogue.tokens import TokenInfo
from app.server.audit_calls import NOTED, ORDER, note_of, with_failure, with_result
from app.server.bodies import OPEN_BODY_BYTES, announced_bytes, read_body
from app.server.large_answers import sent
from app.server.problems import Refused
from app.wire.http import encode
from app.wire.limits import MAX_WORD, spoken
from streams.model.failures import TidewatchError
from streams.model.vocabulary import AuditAction, Scope

LARGE_BODY_BYTES = 256 * 1024
"""A body above this is decoded in a thread."""
TOKEN = web.RequestKey("token", TokenInfo)
"""What the caller may do; set once its token is checked."""

Middleware = Callable[[web.Request, Callable[[web.Request], Awaitable[web.StreamResponse]]], Any]


@dataclass(frozen=True)
class Route:
    """One method and path, who may call it, and what answers."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    scope: Scope | None
    """None: no token needed."""
    codes: tuple[str, ...] = ()
    """The refusals that are its own, beside those every call may meet."""
    content: str = "application/json"
    """The media type of its answer."""
    body_content: str | None = None
    """The media type of a body that is not JSON; the handler reads it itself."""
    extra_query: type[msgspec.Struct] | None = None
    reply: Any = None
    """The record in its answer, where the handler encodes that itself."""
    audit: AuditAction | None = None
    """The row that each call leaves in the audit record; None for what is only looked at."""


@dataclass(frozen=True)
class Signature:
    """What a handler takes and gives."""

    names: tuple[str, ...]
    hints: dict[str, Any]

    @classmethod
    def of(cls, handler: Callable[..., Any]) -> "Signature":
        """Read the annotations of ``handler``."""
        return cls(tuple(inspect.signature(handler).parameters), get_type_hints(handler, include_extras=True))

    @property
    def reply(self) -> Any:
        """The type of the answer; a response class where the handler answers with bytes."""
        return self.hints["return"]


def bind(app: web.Application, routes: tuple[Route, ...], room: Any) -> None:
    """Add ``routes`` to ``app``; their handlers get their arguments from ``room`` and the request."""
    for route in routes:
        handler = _wrapped(route, Signature.of(route.handler), room)
        handler.route = route  # type: ignore[attr-defined]
        app.router.add_route(route.method, route.path, handler)


def route_of(request: web.Request) -> Route | None:
    """Return the route that answers ``request``; None where there is none."""
    return getattr(request.match_info.handler, "route", None)


def _wrapped(route: Route, signature: Signature, room: Any) -> Any:
    hints = signature.hints

    async def handle(request: web.Request) -> web.StreamResponse:
        async with AsyncExitStack() as held:  # the memory of its body, until it is answered
            response = await handled(request, held)
        if TOKEN not in request:
            return response
        return await sent(request, response, room.answers, owner=request[TOKEN].id, send_s=room.limits.send_s)

    async def handled(request: web.Request, held: AsyncExitStack) -> web.StreamResponse:
        arguments: dict[str, Any] = {}
        for name in signature.names:
            match name:
                case "room":
                    arguments[name] = room
                case "request":
                    arguments[name] = request
                case "token":
                    arguments[name] = request[TOKEN]
                case "body":
                    arguments[name] = await _body(request, hints[name], held, room, route)
                case "query":
                    arguments[name] = _query(request, hints[name])
                case _:
                    arguments[name] = _part(request, name, hints[name])
        if route.audit is None or route.scope is Scope.RESTORE:
            # What gives contents out notes it itself, before the first byte leaves.
            return reply(await route.handler(**arguments))
        return reply(await _noted(route.audit, route.handler, arguments, request, room))

    return handle


async def _noted(
    action: AuditAction,
    handler: Callable[..., Awaitable[Any]],
    arguments: dict[str, Any],
    request: web.Request,
    room: Any,
) -> Any:
    """Call a handler, and leave a row in the audit record whatever comes of it, even if its caller leaves."""
    who = room.logins.name(request[TOKEN]) if TOKEN in request else ""
    about = note_of(action, who, room.peers.address(request), arguments, room.roster)

    async def call() -> Any:
        try:
            # Durable before anything is done: an order that a crash cuts off has its row at the next start.
            note = await room.audit.intend(about)
        except TidewatchError as error:
            await room.audit.note(with_failure(about, error))
            return _Failed(error)
        request[ORDER] = note
        try:
            value = await handler(**arguments)
        except asyncio.CancelledError as error:
            # The server ends. What the order has done by now is not known; its row is written at the end.
            room.audit.later(with_failure(note, error))
            raise
        except Exception as error:  # noqa: BLE001  (raised below, where somebody waits for it)
            await room.audit.note(with_failure(note, error))
            return _Failed(error)
        if not request.get(NOTED, False):
            await room.audit.note(with_result(request, note, value))
        return value

    # Closing the connection cancels what answers it; an order that has begun is done and noted nevertheless.
    answer = await asyncio.shield(room.tasks.start(call(), f"order {action}"))
    if isinstance(answer, _Failed):
        raise answer.error
    return answer


@dataclass(frozen=True)
class _Failed:
    error: Exception


def reply(value: Any) -> web.StreamResponse:
    """Return ``value`` as a response; a response stays itself."""
    if isinstance(value, web.StreamResponse):
        return value
    return web.Response(body=encode(value), content_type="application/json")


async def _body(request: web.Request, kind: Any, held: AsyncExitStack, room: Any, route: Route) -> Any:
    limits = room.limits
    if route.scope is None:
        body = await read_body(request, OPEN_BODY_BYTES, within_s=limits.open_body_s)
    else:
        # Said before it comes: nobody waits for what is refused anyway.
        size_bytes = announced_bytes(request, request.client_max_size)
        await held.enter_async_context(room.bodies.hold(request[TOKEN].id, size_bytes))
        body = await read_body(request, request.client_max_size, idle_s=limits.body_idle_s)
    body = body or b"{}"
    if len(body) > LARGE_BODY_BYTES:
        return await asyncio.to_thread(msgspec.json.decode, body, type=kind)
    return msgspec.json.decode(body, type=kind)


def _query(request: web.Request, kind: type[msgspec.Struct]) -> Any:
    given = {name: text for name, text in request.query.items() if text}
    unknown = given.keys() - set(kind.__struct_fields__)
    if unknown:
        raise Refused("bad_request", f"Unknown in the query: {', '.join(sorted(unknown))}.")
    query = msgspec.convert(given, kind, strict=False)
    for name in given:
        value = getattr(query, name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise Refused(
                "bad_request", f"{name} is a time without a zone.", detail="Write 2026-01-31T00:00:00Z."
            )
    return query


def _part(request: web.Request, name: str, kind: Any) -> Any:
    text = request.match_info[name]
    if kind is not int:
        if len(text) > MAX_WORD or not text.isprintable():
            raise Refused("bad_request", f"{name} cannot be that.", detail=spoken(text, MAX_WORD))
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refused("bad_request", f"{name} must be a number.", detail=text[:40])
    return int(text)
