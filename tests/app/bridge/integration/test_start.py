"""The checks at the start: each thing that can be wrong stops it with a message and exit code of its own."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from app.config import ConnectionSettings
from streams.model.failures import (
    DatabaseMissing,
    DatabaseNotServed,
    NotADatabase,
    ServerRefused,
    ServerUnreachable,
    TidewatchError,
    TokenMissing,
    WrongCertificate,
    WrongToken,
    WrongVersion,
)
from tests.app.bridge.support import Served, connected, serving
from tests.servers import until

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def failure_of(connection: ConnectionSettings) -> TidewatchError:
    with pytest.raises(TidewatchError) as failure:
        async with connected(connection):
            pass
    assert "\n" not in failure.value.line()
    return failure.value


def but(served: Served, **changes: Any) -> ConnectionSettings:
    return served.connection.model_copy(update=changes)


@asynccontextmanager
async def stranger(answer: Answer) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


async def test_all_is_well(served: Served) -> None:
    async with connected(served.connection) as console:
        assert not console.bridge.connection.current.simulated


async def test_nobody_listens(served: Served) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        failure = await failure_of(but(served, port=free.getsockname()[1]))
    assert type(failure) is ServerRefused
    assert "connection.port" in failure.hint


async def test_no_such_name(served: Served) -> None:
    failure = await failure_of(but(served, host="nowhere.invalid"))
    assert type(failure) is ServerUnreachable


async def test_no_answer_in_time(served: Served) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with asyncio.timeout(30):
            failure = await failure_of(but(served, port=silent.getsockname()[1], check_s=0.3))
    assert type(failure) is ServerUnreachable
    assert "0.3 s" in failure.message


@pytest.mark.parametrize("token", ["tw_wrong", "", "\x00\x01"])
async def test_a_wrong_token(served: Served, tmp_path: Path, token: str) -> None:
    path = tmp_path / "token"
    path.write_text(token)
    failure = await failure_of(but(served, token_file=path))
    assert type(failure) is WrongToken
    assert "tw_wrong" not in failure.line()


async def test_no_token_file(served: Served, tmp_path: Path) -> None:
    assert type(await failure_of(but(served, token_file=tmp_path / "none"))) is TokenMissing


async def test_a_token_of_the_wrong_scope(served: Served, tmp_path: Path) -> None:
    code = await served.room.catalogue.enrolments.create("one")
    _, token = await served.room.catalogue.enrolments.redeem("one", code.code, "linux", "1")
    path = tmp_path / "token"
    path.write_text(token)
    assert type(await failure_of(but(served, token_file=path))) is WrongToken


async def test_something_else_listens_there(served: Served) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>", content_type="text/html")

    async with stranger(page) as port:
        assert type(await failure_of(but(served, port=port))) is WrongVersion


async def test_the_port_of_the_events(served: Served) -> None:
    port = served.connection.port + 1
    failure = await failure_of(but(served, port=port))
    assert isinstance(failure, WrongVersion)
    assert failure.message == f"http://127.0.0.1:{port} answers, but is no Tidewatch server."
    assert "connection.port" in failure.hint


async def test_another_version_of_the_protocol(served: Served) -> None:
    async def health(_: web.Request) -> web.Response:
        body = {"status": "ok", "name": "tidewatch", "protocol": 2, "version": "9", "events_port": 1}
        return web.Response(text=json.dumps(body), content_type="application/json")

    async with stranger(health) as port:
        failure = await failure_of(but(served, port=port))
    assert type(failure) is WrongVersion
    assert "version 2" in failure.message


async def test_a_server_without_tls(served: Served) -> None:
    failure = await failure_of(but(served, tls="on"))
    assert type(failure) is WrongCertificate
    assert "does not speak TLS" in failure.message


async def test_an_authority_that_is_not_trusted_and_one_that_is(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    async with serving(tmp_path / "data", tls=server_side) as served:
        failure = await failure_of(but(served, tls="on"))
        assert type(failure) is WrongCertificate
        trusting = but(served, tls="on", ca_file=tmp_path / "ca.pem")
        async with connected(trusting) as console:
            await until(lambda: console.bridge.realtime.up)
        assert (
            type(await failure_of(but(served, tls="on", ca_file=tmp_path / "none.pem"))) is WrongCertificate
        )


async def test_no_database(served: Served, tmp_path: Path) -> None:
    token = served.info.token_file
    failure = await failure_of(but(served, database_path=tmp_path / "none.db", token_file=token))
    assert type(failure) is DatabaseNotServed
    assert "connection.database_path" in failure.hint


async def test_a_file_that_is_no_database(served: Served, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello")
    token = served.info.token_file
    failure = await failure_of(but(served, database_path=tmp_path / "text.db", token_file=token))
    assert type(failure) is NotADatabase


async def test_both_failures_are_said(served: Served, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        failure = await failure_of(
            but(served, port=port, database_path=tmp_path / "none.db", token_file=served.info.token_file)
        )
    assert type(failure) is ServerRefused
    assert "none.db: no such file" in failure.line()


def test_each_failure_has_an_exit_code_of_its_own() -> None:
    kinds = [ServerUnreachable, ServerRefused, WrongToken, WrongCertificate, WrongVersion, DatabaseMissing]
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
