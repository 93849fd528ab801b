"""Large answers: sent in pieces that their caller has to take, within a share of memory for its token.

An answer that is written at once stays in memory until its caller has read it. A token may have hundreds of
connections, and who reads nothing would fill the memory with answers of megabytes.
"""

import asyncio

from aiohttp import ClientConnectionError, web

from app.server.bodies import BodyBudget
from app.server.error_answers import REQUEST_ID, abort

LARGE_BYTES = 256 * 1024
"""Answers up to here are written at once."""
PIECE_BYTES = 256 * 1024
MAX_WAITING = 4
"""Large answers of one token that are made and wait until others are taken; more are refused as busy."""


def answer_budget() -> BodyBudget:
    """Return the memory for large answers of all tokens; waiting has no end."""
    return BodyBudget(wait_s=None, most_waiting=MAX_WAITING)


async def sent(
    request: web.Request, response: web.StreamResponse, budget: BodyBudget, *, owner: object, send_s: float
) -> web.StreamResponse:
    """Send a response that is large and return what was sent; return any other as it is.

    Raises ``Refused`` busy, and ClientConnectionError where a piece is not taken within ``send_s``; then the
    connection is cut.
    """
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) <= LARGE_BYTES:
        return response
    async with budget.hold(owner, len(body)):
        sending = web.StreamResponse(status=response.status, headers=response.headers)
        sending.headers["X-Request-Id"] = request[REQUEST_ID]
        sending.content_length = len(body)
        await sending.prepare(request)
        pieces = memoryview(body)
        for start in range(0, len(body), PIECE_BYTES):
            await send_piece(request, sending, pieces[start : start + PIECE_BYTES], send_s=send_s)
        await sending.write_eof()
    return sending


async def send_piece(
    request: web.Request, response: web.StreamResponse, piece: bytes | memoryview, *, send_s: float
) -> None:
    """Send a part of an answer; raises ClientConnectionError where it is not taken within ``send_s``."""
    try:
        async with asyncio.timeout(send_s):
            await response.write(piece)
    except TimeoutError:
        abort(request)
        raise ClientConnectionError("the caller takes nothing") from None
