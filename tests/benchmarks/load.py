"""A load that costs next to nothing to make: what measures must leave the machine to what is measured."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from app.fleet.load import AT_ONCE, Change
from app.wire.http import Goal

_LENGTH = re.compile(rb"Content-Length: (\d+)")

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def bare_changes(port: int, token: str) -> AsyncGenerator[Change]:
    """Return what changes goals by requests written out beforehand, over connections that are kept.

    A client of some comfort takes as long to ask as the server to answer.
    """
    lines: asyncio.Queue[Line] = asyncio.Queue()
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]
    for line in opened:
        lines.put_nowait(line)

    async def change(client_id: str, goal_s: float) -> None:
        body = msgspec.json.encode(Goal(goal_s=goal_s))
        line = await lines.get()
        try:
            await _ask(line, _request(client_id, token, body))
        finally:
            lines.put_nowait(line)

    try:
        yield change
    finally:
        for _, writer in opened:
            writer.close()


def _request(client_id: str, token: str, body: bytes) -> bytes:
    head = (
        f"PATCH /api/clients/{client_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _ask(line: Line, request: bytes) -> None:
    reader, writer = line
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or found is None:
        raise RuntimeError(f"the server refused a change of the load: {head!r}")
    await reader.readexactly(int(found[1]))
