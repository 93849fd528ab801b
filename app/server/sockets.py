"""Shared parts of both sockets: closing with a reason, and never waiting for a peer that does not read."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import ClientConnectionError, WSMsgType, web

CLOSE_OK = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_UNREADABLE = 1003
PART_S = 1.0
"""How long a goodbye may take."""


async def send(socket: web.WebSocketResponse, payload: bytes, within_s: float) -> None:
    """Send a text frame; raise TimeoutError where the peer does not take it, or an earlier one, in time."""
    try:
        async with asyncio.timeout(within_s):
            await socket.send_frame(payload, WSMsgType.TEXT)
    except asyncio.CancelledError:
        # After one wait for the buffers was cut, aiohttp raises this at each later one.
        if _is_cancelled():
            raise
        raise TimeoutError from None


async def part(
    socket: web.WebSocketResponse, transport: asyncio.Transport | None, code: int, last_frame: bytes | None
) -> None:
    """Send the last frame if there is one and close; what nobody has taken by then is dropped.

    ``transport`` is that of the request: once closed, one with TLS is not to be had from its socket.
    """
    try:
        if not socket.closed:
            async with asyncio.timeout(PART_S):
                if last_frame is not None:
                    await send(socket, last_frame, PART_S)
                await socket.close(code=code)
    except (ClientConnectionError, TimeoutError):
        pass
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
    finally:
        if transport is not None:
            # Closed, it would wait for ever to be rid of what is in its buffers.
            transport.abort()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
