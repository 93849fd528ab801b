"""Answers of the HTTP API that are errors: all of one shape, whatever was raised."""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import structlog
from aiohttp import ClientConnectionError, web
from aiohttp.http_exceptions import HttpProcessingError

from app.runtime.log_limits import LimitedLog
from app.server.problems import STATUS_OF_CODE, Refused
from app.wire.http import Problem, encode
from app.wire.limits import clipped

log = structlog.stdlib.get_logger(__name__)
limited = LimitedLog(log)
_ANSWERED = logging.getLogger(__name__)
"""Asked first: a line that nobody sees is not made for every request."""

MAX_MESSAGE = 4000
"""Characters of a message or detail: it may name what the caller has sent."""
GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
REQUEST_ID = web.RequestKey("request_id", str)


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error in the one shape."""
    bounded = Problem(
        code=problem.code,
        message=clipped(problem.message, MAX_MESSAGE),
        detail=clipped(problem.detail, MAX_MESSAGE),
    )
    return web.Response(
        status=STATUS_OF_CODE.get(problem.code, 500),
        body=encode(bounded),
        content_type="application/json",
        headers=headers,
    )


@web.middleware
async def errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every request an id, turn what is raised into the one shape, and note how it went."""
    request_id = _given_id(request, "X-Request-Id") or uuid.uuid4().hex[:16]
    correlation_id = _given_id(request, "X-Correlation-Id")
    request[REQUEST_ID] = request_id
    began = time.monotonic()
    ids = {"request_id": request_id} | ({"correlation_id": correlation_id} if correlation_id else {})
    with structlog.contextvars.bound_contextvars(**ids):
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001  (the one place where all of them become an answer)
            response = _refusal(request, error)
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
        if _ANSWERED.isEnabledFor(logging.DEBUG):
            log.debug(
                "answered",
                method=request.method,
                path=request.path,
                status=response.status,
                seconds=round(time.monotonic() - began, 4),
            )
    return response


def _given_id(request: web.Request, header: str) -> str:
    given = request.headers.get(header, "")
    return given if GOOD_REQUEST_ID.fullmatch(given) else ""


def _refusal(request: web.Request, error: Exception) -> web.StreamResponse:
    match error:
        case Refused(problem=problem, headers=headers):
            return problem_response(problem, headers)
        case web.HTTPNotFound():
            return _problem("not_found", "There is nothing here.", request.path[:200])
        case web.HTTPMethodNotAllowed(allowed_methods=allowed):
            return problem_response(
                Problem(code="method_not_allowed", message=f"{request.method} is not possible here."),
                {"Allow": ", ".join(sorted(allowed))},
            )
        case web.HTTPRequestEntityTooLarge():
            return _problem("payload_too_large", "The body is too large.")
        case msgspec.DecodeError() | UnicodeDecodeError():
            return _problem("bad_request", "That is not what this call takes.", str(error))
        case RecursionError():
            return _problem("bad_request", "The body is nested too deeply.")
        case OverflowError():
            return _problem("bad_request", "A number is too large.")
        case web.HTTPException():
            return _problem("bad_request", error.reason or "The request cannot be answered.")
        case HttpProcessingError() | web.RequestPayloadError():
            return _problem("bad_request", "The body cannot be read.", str(error)[:200])
        case ClientConnectionError():
            limited.info("caller_left", path=request.path[:200])
            return _problem("bad_request", "The connection was lost.")
        case _:
            return _mapped(request, error)


def _mapped(request: web.Request, error: Exception) -> web.Response:
    """Turn a failure that carries its code into an answer; anything else is a bug, logged with its trace."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in STATUS_OF_CODE:
        message = getattr(error, "message", "") or str(error)
        if STATUS_OF_CODE[code] >= 500:
            limited.warning("refused", key=code, code=code, path=request.path[:200], reason=message)
        return _problem(code, message, getattr(error, "hint", ""))
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return _problem("internal", "The server made a mistake; its log says more.", request[REQUEST_ID])


def _problem(code: str, message: str, detail: str = "") -> web.Response:
    return problem_response(Problem(code=code, message=message, detail=detail))


def abort(request: web.Request) -> None:
    """Cut the connection, so that the caller cannot take what it got for all there is."""
    with suppress(AttributeError):
        request.transport.abort()  # type: ignore[union-attr]
