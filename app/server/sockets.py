"""What both kinds of sockets need: to part with a reason, and never to wait for who does not read."""

import asyncio
from contextlib import suppress

from aiohttp import ClientConnectionError, WSMsgType, web

CLOSE_OK = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_UNREADABLE = 1003
PART_S = 1.0
"""How long a goodbye may take."""


async def part(socket: web.WebSocketResponse, code: int, last_frame: bytes | None) -> None:
    """Send the last frame if there is one and close; cut a socket whose buffers nobody empties."""
    if not socket.closed:
        with suppress(ClientConnectionError, TimeoutError):
            async with asyncio.timeout(PART_S):
                if last_frame is not None:
                    await socket.send_frame(last_frame, WSMsgType.TEXT)
                await socket.close(code=code)
    transport = socket.get_extra_info("transport")
    if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size() > 0:
        transport.abort()
