"""Requests of the console end where nobody asks any more."""

import pytest

from app.bridge.address import Address
from app.bridge.http import HttpClient
from streams.model.failures import ServerUnreachable
from streams.model.server import ServerStatus


async def test_who_still_asks_when_the_console_ends_gets_a_failure_and_not_a_fault() -> None:
    async def token() -> str:
        return "secret"

    http = HttpClient(Address("127.0.0.1", 1256, 1257, tls=False), token)
    await http.close()
    with pytest.raises(ServerUnreachable, match="the console ends"):
        await http.get("/api/status", ServerStatus)
    assert http.requests == 0
