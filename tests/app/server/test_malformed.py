"""Malformed HTTP gets 4xx in the one shape, and leaves no trace in the log."""

import asyncio
import json
import re
from urllib.parse import urlsplit

from tests.servers import RunningServer

CALL = b"POST /api/files/delete HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer TOKEN\r\n"
MALFORMED = {
    "no method": (b"GARBAGE\r\n\r\n", 400),
    "rubbish": (bytes(range(128, 256)) + b"\r\n\r\n", 400),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "unknown version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "long header": (b"GET /health HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 400),
    "long path": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 400),
    "bad address": (b"GET http://[bad/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "negative length": (CALL + b"Content-Length: -5\r\n\r\n", 400),
    "bad chunk": (CALL + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n", 400),
    "bad chunk later": (CALL + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n|ZZZ\r\n", 400),
    "packed body": (CALL + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 400),
    "too much announced": (CALL + b"Content-Length: 3000000000\r\n\r\n{", 413),
    "token of no letters": (CALL.replace(b"TOKEN", b"\xff\xfe") + b"\r\n", 401),
}


async def sent(server: RunningServer, port: int, data: bytes) -> tuple[int, dict[str, str]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    first, *more = data.replace(b"TOKEN", server.token.encode()).split(b"|")
    writer.write(first)
    for part in more:
        await writer.drain()
        writer.write(part)
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length, head
        body = await reader.readexactly(int(length[1]))
    writer.close()
    return int(head.split()[1]), json.loads(body)


async def test_what_is_no_http_is_refused_in_the_one_shape(running_server: RunningServer) -> None:
    http, events = (urlsplit(url).port or 0 for url in (running_server.url, running_server.events_url))
    for name, (data, status) in MALFORMED.items():
        found, answer = await sent(running_server, http, data)
        assert (found, set(answer)) == (status, {"code", "message", "detail"}), (name, answer)
        assert "\n" not in answer["detail"] + answer["message"], name
    found, answer = await sent(running_server, events, MALFORMED["no method"][0])
    assert (found, answer["code"]) == (400, "bad_request")
    assert (await running_server.get("/api/status"))["state"] == "running"
