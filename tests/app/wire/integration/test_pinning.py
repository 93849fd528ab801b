"""A server with another key gets no byte of a token, a code or a file from agent, restore or console."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from app.agent import trust
from app.agent.address import address_of
from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.link import Link
from app.bridge.access import NONE
from app.bridge.address import Address, reach_of
from app.bridge.http import HttpClient
from app.bridge.probe import probe
from app.bridge.socket import event_session
from app.config import ConnectionSettings
from app.server.certificate import own_certificate, pinned_fingerprint
from app.server.commands import enrol
from app.server.ports import OWN_TLS, tls_context
from app.wire.tls import InsecureAddress, pinned_context, split_code
from streams.model.events import Resume
from streams.model.failures import TidewatchError, WrongCertificate, WrongVersion
from tests.app.agent.machines import Server, a_server, agent, restore
from tests.servers import until


class Impostor:
    """Somebody in between who has a certificate of his own for every name; keeps what he is sent."""

    def __init__(self, folder: Path) -> None:
        self.files = own_certificate(folder, "127.0.0.1")
        self.fingerprint = pinned_fingerprint(self.files[0])
        self.handshakes = 0
        self.heard = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handshakes += 1
        with suppress(OSError):  # cut by who has seen the key
            self.heard += await reader.read(65536)
        writer.close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@asynccontextmanager
async def impostor(folder: Path) -> AsyncIterator[Impostor]:
    made = await asyncio.to_thread(Impostor, folder)
    context = await asyncio.to_thread(tls_context, *made.files)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_server(tmp_path / "data", OWN_TLS) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEWATCH_AGENT__BACKOFF_BASE_S", "0.05")


def connection_to(server: Server, **changes: object) -> ConnectionSettings:
    given: dict[str, object] = {
        "mock_mode": False,
        "host": "127.0.0.1",
        "port": server.info.port,
        "database_path": server.info.database_path,
        "check_s": 5,
    }
    return ConnectionSettings.model_validate(given | changes)


async def test_the_code_is_all_that_agent_restore_and_console_need(
    server: Server, source: Path, tmp_path: Path
) -> None:
    code = await server.code("laptop")
    assert split_code(code)[1] == server.info.fingerprint == server.room.fingerprint != ""
    state = ("--state", tmp_path / "state")
    words = ("--server", server.url, "--name", "laptop", "--code", code, "--once", *state)
    assert await agent(source, *words) == 0
    kept = json.loads((tmp_path / "state" / "identity.json").read_text())
    assert kept["fingerprint"] == server.info.fingerprint
    assert await agent(source, "--once", *state) == 0
    to = ("--token-file", server.info.token_file, "--to", tmp_path / "to")
    assert await restore("laptop", "--server", server.url, *to) == 0
    assert (tmp_path / "to" / "file").read_text() == "x"
    # The console finds the fingerprint beside the database, and so knows that TLS is spoken.
    results = await probe(connection_to(server))
    assert [result.passed for result in results] == [True, True, True], results
    assert "over TLS" in results[0].message


async def test_a_wrong_key_ends_the_agent_before_its_code_or_token_is_sent(
    server: Server, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ("--state", tmp_path / "state")
    async with impostor(tmp_path / "impostor") as between:
        words = ("--name", "laptop", "--once", *state)
        code = await server.code("laptop")
        assert await agent(source, "--server", between.url, "--code", code, *words) == 2
        told = capsys.readouterr().err
        assert between.fingerprint in told and server.info.fingerprint in told
        # Without a fingerprint no authority vouches for it either.
        assert await agent(source, "--server", between.url, "--code", split_code(code)[0], *words) == 2
        assert await agent(source, "--server", server.url, "--code", code, *words) == 0
        identity = tmp_path / "state" / "identity.json"
        identity.write_text(identity.read_text().replace(server.url, between.url))
        assert await agent(source, "--once", *state) == 2
        assert between.handshakes == 0
        assert between.heard == b""


async def test_a_wrong_key_ends_the_agents_socket(server: Server, tmp_path: Path) -> None:
    refused: list[str] = []
    async with impostor(tmp_path / "impostor") as between:
        address = address_of(server.url, fingerprint=server.info.fingerprint)
        async with Api(address, "tw_secret") as api:
            assert (await api.health()).events_port == server.info.events_port
            link = Link(
                api,
                between.port,
                backoff=Backoff("test", base_s=0.01, cap_s=0.01),
                heartbeat_s=1,
                on_command=lambda _: pytest.fail("a command came"),
                on_refused=lambda _: None,
                say=refused.append,
            )
            running = asyncio.create_task(link.run())
            await until(lambda: refused)
            running.cancel()
            await asyncio.wait({running})
        assert "its key is" in refused[0]
        assert between.heard == b""


async def test_a_wrong_key_ends_the_restore(
    server: Server, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = server.info.token_file
    elsewhere = tmp_path / "token"
    elsewhere.write_text(token.read_text())
    async with impostor(tmp_path / "impostor") as between:
        for flags in (("--token-file", token), ("--token-file", elsewhere)):
            words = ("laptop", "--server", between.url, *flags, "--to", tmp_path / "to")
            assert await restore(*words) == 2
            assert between.fingerprint in capsys.readouterr().err
            assert await restore(*words, "--fingerprint", server.info.fingerprint) == 2
        assert between.heard == b""
    # What was given once is kept for this server.
    words = ("nobody", "--server", server.url, "--token-file", elsewhere, "--to", tmp_path / "to")
    assert await restore(*words, "--fingerprint", server.info.fingerprint) == 2
    assert "knows no client" in capsys.readouterr().err
    assert await restore(*words) == 2
    assert "knows no client" in capsys.readouterr().err


async def test_the_restore_asks_once_at_a_terminal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "token"
    elsewhere.write_text(server.info.token_file.read_text())
    words = ("nobody", "--server", server.url, "--token-file", elsewhere, "--to", tmp_path / "to")
    answers = iter(["no\n", "yes\n"])

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return next(answers)

    with monkeypatch.context() as typed:
        typed.setattr(trust.sys, "stdin", Terminal())
        typed.setattr(trust.sys.stderr, "isatty", lambda: True)
        assert await restore(*words) == 2
        said = capsys.readouterr().err
        assert server.info.fingerprint in said and "Write yes" in said and "knows no client" not in said
        assert await restore(*words) == 2
        assert "knows no client" in capsys.readouterr().err
    assert await restore(*words) == 2
    assert "knows no client" in capsys.readouterr().err


async def test_a_wrong_key_ends_the_console_and_its_test_names_the_key(
    server: Server, tmp_path: Path
) -> None:
    async with impostor(tmp_path / "impostor") as between:
        results = await probe(connection_to(server, port=between.port))
        assert results[0].passed is False
        assert between.fingerprint in results[0].message and between.fingerprint in results[0].hint
        results = await probe(connection_to(server, port=between.port, database_path=None, tls="on"))
        assert results[0].passed is False
        assert between.fingerprint in results[0].hint

        address = Address("127.0.0.1", server.info.port, between.port, tls=True)

        async def token() -> str:
            return "tw_secret"

        http = HttpClient(address, token, tls=pinned_context(server.info.fingerprint))
        try:
            with pytest.raises(WrongCertificate, match="not the pinned"):
                async with event_session(http, lambda hello: Resume(epoch=None, after_seq=0, topics=())):
                    pass
        finally:
            await http.close()
        assert between.heard == b""


async def test_the_key_stays_pinned_when_the_certificate_is_renewed(tmp_path: Path, source: Path) -> None:
    state = ("--state", tmp_path / "state")
    async with a_server(tmp_path / "data", OWN_TLS) as server:
        words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
        assert await agent(source, *words, "--once", *state) == 0
        await server.stop()
        (tmp_path / "data" / "tls" / "server.crt").unlink()
        await server.start()
        assert await agent(source, "--once", *state) == 0


async def test_the_command_that_makes_codes_adds_the_fingerprint_of_the_server_that_runs(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    enrol.add_arguments(parser)
    words = parser.parse_args(["laptop", "--data", str(server.folder)])
    assert await asyncio.to_thread(enrol.run, words) == 0
    assert split_code(capsys.readouterr().out)[1] == server.info.fingerprint


@pytest.mark.parametrize("url", ["http://192.0.2.1:1256", "http://0.0.0.0:1256"])
async def test_nothing_is_sent_in_the_clear_to_another_machine_unless_it_is_allowed(
    url: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("tw_secret")
    words = ("--name", "laptop", "--code", "CODE", "--state", tmp_path / "state", "--once")
    to = ("--token-file", tmp_path / "token", "--to", tmp_path / "to")
    assert await agent(source, "--server", url, *words) == 2
    assert "in the clear" in capsys.readouterr().err
    assert await restore("laptop", "--server", url, *to) == 2
    assert "in the clear" in capsys.readouterr().err


async def test_plain_http_that_is_allowed_is_said_at_each_start(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        url = f"http://0.0.0.0:{server.info.port}"  # this machine, but not by a loopback address
        words = ("--server", url, "--name", "laptop", "--once", "--insecure-http")
        more = ("--state", tmp_path / "state")
        assert await agent(source, *words, "--code", await server.code("laptop"), *more) == 0
        assert "can be read on the way" in capsys.readouterr().err
        assert await agent(source, *words, *more) == 0
        assert "can be read on the way" in capsys.readouterr().err
        assert await agent(source, *words[:-1], *more) == 2


async def test_a_code_of_a_loopback_server_has_no_fingerprint(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server:
        assert server.room.fingerprint == "" == split_code(await server.code("laptop"))[1]
        assert not (tmp_path / "data" / "tls").exists()


async def test_an_authority_of_ones_own_goes_before_the_pin(tmp_path: Path, source: Path) -> None:
    async with a_server(tmp_path / "data", OWN_TLS) as server:
        code = split_code(await server.code("laptop"))[0]
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--once")
        more = ("--state", tmp_path / "state", "--ca-file", tmp_path / "data" / "tls" / "server.crt")
        assert await agent(source, *words, *more) == 0


@pytest.mark.parametrize("tls", ["off", "auto"])
async def test_the_console_speaks_plain_http_to_another_machine_only_when_it_is_allowed(tls: str) -> None:
    settings = ConnectionSettings.model_validate({"host": "192.0.2.1", "tls": tls})
    if tls == "auto":
        reach = await reach_of(settings, NONE)
        assert reach.address.tls and reach.tls is not None
        return
    with pytest.raises(InsecureAddress):
        await reach_of(settings, NONE)
    results = await probe(settings)
    assert "in the clear" in results[0].message
    reach = await reach_of(settings.model_copy(update={"insecure_http": True}), NONE)
    assert not reach.address.tls


@asynccontextmanager
async def redirecting(to: str) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(to + request.path)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield urlsplit(site.name).port or site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


async def test_redirects_are_not_followed_with_a_token(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server, redirecting(server.url) as port:
        url = f"http://127.0.0.1:{port}"
        token = (await asyncio.to_thread(server.info.token_file.read_text)).strip()
        async with Api(address_of(url), token) as api:
            with pytest.raises(TidewatchError):
                await api.call("GET", "/api/clients", dict)
            with pytest.raises(aiohttp.ClientResponseError):
                await api.session.ws_connect(f"{url}/agent", headers=api.headers)

        async def known() -> str:
            return token

        http = HttpClient(Address("127.0.0.1", port, port, tls=False), known)
        try:
            with pytest.raises(TidewatchError):
                await http.get("/api/clients", dict)
            with pytest.raises(WrongVersion):
                async with event_session(http, lambda hello: Resume(epoch=None, after_seq=0, topics=())):
                    pass
        finally:
            await http.close()
