"""The server's start: one line for what stands in its way, two ports, TLS."""

import asyncio
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from app.__main__ import main
from app.catalogue.errors import CatalogueLost
from app.server import start as start_parts
from app.server.accepting import Acceptor
from app.server.data_dir import CATALOGUE_FILE, held
from app.server.limits import Limits
from app.server.ports import listen
from app.server.problems import PortTaken
from app.server.run import ServerInfo, serve
from app.server.store_moment import StoreMomentKeeper
from tests.servers import a_server, lay_blank


async def prepared(folder: Path) -> None:
    async with a_server(folder):
        pass


@pytest.fixture
def _signals_kept() -> Iterator[None]:
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.mark.usefixtures("_signals_kept")
def test_what_stands_in_the_way_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    newer, rubbish, used = tmp_path / "newer", tmp_path / "rubbish", tmp_path / "used"
    asyncio.run(prepared(newer))
    with closing(sqlite3.connect(newer / "catalogue.db")) as database, database:
        database.execute("update alembic_version set version_num = '9999'")
    rubbish.mkdir()
    (rubbish / "catalogue.db").write_bytes(b"not a database at all" * 100)
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    any_port = ("--port", "0")
    cases = [
        (("--data", file / "data", *any_port), 5, "cannot be written"),
        (("--data", newer, *any_port), 20, "newer"),
        (("--data", rubbish, *any_port), 16, "not a database"),
        (("--data", used, *any_port), 7, "Another server works on"),
        (("--data", tmp_path / "a", "--port", port), 4, f"Port {port}"),
        (("--data", tmp_path / "a", "--port", "70000"), 3, "port"),
        (("--data", tmp_path / "a", "--host", "no.such.host.invalid", *any_port), 2, "no.such.host"),
        (("--data", tmp_path / "a", "--tls-cert", file, "--tls-key", file, *any_port), 8, "certificate"),
        (("--data", tmp_path / "a", "--config", tmp_path / "nothing.toml"), 3, "nothing.toml"),
        (("enrol", "alpha", "--data", tmp_path / "nothing"), 2, "no server's data"),
        (("enrol", "alpha", "--data", tmp_path / ("long" * 100)), 2, "cannot be read: File name too long"),
        (("enrol", "--data", newer), 2, "NAME"),
        (("revoke", "nobody", "--data", newer), 20, "newer"),
    ]
    with taken, held(used):
        for words, code, text in cases:
            found = main(["server", *map(str, words)])
            out, err = capsys.readouterr()
            assert (found, out) == (code, ""), (words, err)
            assert err.startswith("tidewatch: ") and err.count("\n") == 1 and text in err, err


@pytest.mark.parametrize("left", ["nothing", "an empty file", "no tables", "one that knows nobody"])
async def test_a_lost_catalogue_stops_the_start_and_is_left_as_it_is(tmp_path: Path, left: str) -> None:
    async with a_server(tmp_path) as server:
        await (await server.enrol("alpha")).back_up({"/etc/a": b"a"})
    file = tmp_path / CATALOGUE_FILE
    file.unlink()
    if left == "an empty file":
        file.touch()
    elif left == "no tables":
        with closing(sqlite3.connect(file)) as database:
            database.execute("pragma journal_mode = wal")
    elif left == "one that knows nobody":
        lay_blank(tmp_path)
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(CatalogueLost, match="nothing could be restored"):
        async with a_server(tmp_path, blank=False):
            pass
    assert (file.read_bytes() if file.exists() else None) == before
    async with a_server(tmp_path, blank=False, new_catalogue=True) as server:
        # What is stored already need not be sent again.
        await (await server.enrol("alpha")).back_up({"/etc/a": b"a"})


async def test_a_catalogue_whose_clients_were_all_removed_is_not_lost(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        await (await server.enrol("alpha")).back_up({"/etc/a": b"a"})
    with closing(sqlite3.connect(tmp_path / CATALOGUE_FILE)) as database, database:
        database.execute("delete from clients")
    async with a_server(tmp_path):
        pass


async def test_two_neighbouring_ports_are_taken_or_none() -> None:
    first, second = await listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    assert second.getsockname()[1] == port + 1
    first.close()
    with pytest.raises(PortTaken, match=str(port + 1)):
        await listen("127.0.0.1", port)
    second.close()
    first, second = await listen("127.0.0.1", port)
    first.close()
    second.close()


async def test_tls_serves_both_ports(tmp_path: Path) -> None:
    import ssl

    import trustme

    from app.server.ports import ServedTls, tls_context
    from app.server.run import running_room

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    served = ServedTls(tls_context(chain, key))
    async with running_room(tmp_path / "data", host="127.0.0.1", port=0, settings=Limits(), tls=served) as (
        _,
        info,
    ):
        assert info.url.startswith("https://")
        headers = {"Authorization": f"Bearer {info.new_token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.get(f"{info.url}/health", ssl=context) as response:
                assert response.status == 200
            socket_url = f"https://127.0.0.1:{info.events_port}/events"
            async with http.ws_connect(socket_url, ssl=context) as events:
                assert (await events.receive_json())["type"] == "hello"


async def test_nothing_is_answered_before_the_consoles_token_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    write_token, start = start_parts.write_token, Acceptor.start

    def written(file: Path, token: str) -> None:
        write_token(file, token)
        begun.append("token")

    def accepting(acceptor: Acceptor) -> None:
        begun.append("port")
        start(acceptor)

    monkeypatch.setattr(start_parts, "write_token", written)
    monkeypatch.setattr(Acceptor, "start", accepting)
    async with a_server(tmp_path):
        assert begun == ["token", "port", "port"]


async def test_a_server_that_answers_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to end from then on, it ends in order; and what is sent to it is of another moment than copies."""
    begun: list[str] = []
    stop = asyncio.Event()
    begin, start = StoreMomentKeeper.begin, Acceptor.start

    async def compared(keeper: StoreMomentKeeper) -> None:
        await begin(keeper)
        begun.append("moment")

    def accepting(acceptor: Acceptor) -> None:
        begun.append("port")
        asyncio.get_running_loop().call_soon(begun.append, "answered")
        start(acceptor)

    def ready(_: ServerInfo) -> None:
        begun.append("ready")
        stop.set()

    monkeypatch.setattr(StoreMomentKeeper, "begin", compared)
    monkeypatch.setattr(Acceptor, "start", accepting)
    await serve(tmp_path, host="127.0.0.1", port=0, settings=Limits(), ready=ready, stop=stop)
    assert begun[:4] == ["moment", "port", "port", "ready"]
