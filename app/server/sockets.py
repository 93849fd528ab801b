"""What both kinds of sockets need: to part with a reason, and never to wait for who does not read."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import ClientConnectionError, WSMsgType, web

CLOSE_OK = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_UNREADABLE = 1003
PART_S = 1.0
"""How long a goodbye may take."""


async def part(
    socket: web.WebSocketResponse, transport: asyncio.Transport | None, code: int, last_frame: bytes | None
) -> None:
    """Send the last frame if there is one and close; what nobody has taken by then is dropped.

    ``transport`` is that of the request: once closed, one with TLS is not to be had from its socket.
    """
    if not socket.closed:
        with suppress(ClientConnectionError, TimeoutError):
            async with asyncio.timeout(PART_S):
                if last_frame is not None:
                    await socket.send_frame(last_frame, WSMsgType.TEXT)
                await socket.close(code=code)
    if transport is not None:
        # Closed, it would wait for ever to be rid of what is in its buffers.
        transport.abort()


async def first_of(*coros: Coroutine[Any, Any, Any]) -> None:
    """Run all until one ends, then end the others; raises what that one raised."""
    tasks = [asyncio.create_task(coro) for coro in coros]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
