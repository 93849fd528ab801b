"""An order whose caller closes the connection at once is carried out and noted in the audit record."""

import asyncio
import threading
from pathlib import Path
from urllib.parse import urlsplit

from streams.model.logs import LogPage
from tests.servers import a_server, until


async def test_an_order_is_noted_although_its_caller_leaves(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        catalogue = server.room.catalogue
        writing, go_on = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            writing.set()
            assert go_on.wait(30)

        holding = asyncio.create_task(catalogue.writer.write(hold))
        await until(writing.is_set)
        parts, before = urlsplit(server.url), server.room.door.authenticated
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(
            f"POST /api/clients/{agent.client_id}/protection HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        door = server.room.door
        await until(lambda: door.authenticated > before)
        writer.transport.abort()
        await until(lambda: door.authenticated == before)
        go_on.set()
        await holding

        async def noted() -> bool:
            page = await server.get("/api/logs?sources=audit&text=protect", LogPage)
            return any(line.client_id == agent.client_id for line in page.lines)

        await until(noted)
        assert (await catalogue.clients.one(agent.client_id)).protected
