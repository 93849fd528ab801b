"""How a server starts and ends: one line for what stands in its way, and two seconds to go."""

import argparse
import asyncio
import os
import re
import signal
import socket
import sqlite3
import stat
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from app.__main__ import main
from app.server import command
from app.server.folder import held
from app.server.ports import listen
from app.server.problems import FolderInUse, PortTaken
from tests.servers import a_server, sha256_of, until

COMMAND = "import sys; from app.__main__ import main; sys.exit(main(sys.argv[1:]))"


async def a_process(*words: str | Path, **options: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        "server",
        *map(str, words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        **options,  # type: ignore[arg-type]
    )


def client_command(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@asynccontextmanager
async def a_server_process(data: Path, *words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await a_process("--data", data, "--port", "0", *words)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 15)).decode()
        found = re.search(r"serving (\S+) \(events on port \d+\)", line)
        assert found, (line, process.stderr and await process.stderr.read())
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_first_start_writes_the_token_and_tells_it_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "new" / "data"
    async with a_server_process(data) as (process, url):
        assert process.stdout is not None
        where, told = [(await process.stdout.readline()).decode() for _ in range(2)]
        file = data / "console.token"
        token = file.read_text().strip()
        assert str(file) in where and token in told
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(url, headers=headers) as http, http.get("/api/status") as response:
            assert response.status == 200
        capsys.readouterr()
        assert await asyncio.to_thread(client_command, "enrol", "alpha", "--data", data) == 0
        code, hint = capsys.readouterr()
        assert "alpha" in hint
        body = {"name": "alpha", "code": code.strip()}
        async with aiohttp.ClientSession(url) as http:
            async with http.post("/api/enrol", json=body) as response:
                agent = await response.json()
                assert response.status == 200
            headers = {"Authorization": f"Bearer {agent['token']}"}
            async with http.get("/api/agent/client", headers=headers) as response:
                assert response.status == 200
            assert await asyncio.to_thread(client_command, "revoke", "alpha", "--data", data) == 0

            async def refused() -> bool:
                async with http.get("/api/agent/client", headers=headers) as response:
                    return response.status == 401

            await until(refused)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 2) == 0
        rest = (await process.stdout.read()).decode()
        assert token not in rest
        assert process.stderr is not None and await process.stderr.read() == b""


async def test_sigterm_ends_it_within_two_seconds_and_an_upload_keeps_its_bytes(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        token, console = agent.token, server.token
    content = os.urandom(4_000_000)
    came = asyncio.Event()

    async def slowly():  # type: ignore[no-untyped-def]
        yield content[:2_000_000]
        came.set()
        await asyncio.sleep(30)

    headers = {"Authorization": f"Bearer {token}"}
    async with a_server_process(tmp_path) as (process, url), aiohttp.ClientSession(url) as http:
        path = f"/api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)}"
        upload = asyncio.create_task(http.put(path, data=slowly(), headers=headers))
        events = await http.ws_connect(
            url.replace(url.rpartition(":")[2], str(int(url.rpartition(":")[2]) + 1)) + "/events",
            headers={"Authorization": f"Bearer {console}"},
        )
        await came.wait()

        async def kept() -> bool:
            async with http.get("/api/transfers", headers={"Authorization": f"Bearer {console}"}) as response:
                return any(each["done_bytes"] >= 1_900_000 for each in await response.json())

        await until(kept)
        began = time.monotonic()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 2) == 0
        assert time.monotonic() - began < 2
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        await events.close()
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    async with a_server(tmp_path) as server:
        body = {"hashes": [sha256_of(content)]}
        answer = await server.post("/api/agent/blobs/missing", body, http=server.http(token))
        assert answer["missing"][0]["received_bytes"] > 1_000_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_start_that_waits_for_the_catalogue_ends_within_two_seconds(
    tmp_path: Path, number: signal.Signals
) -> None:
    await prepared(tmp_path)
    with closing(sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        process = await a_process("--data", tmp_path, "--port", "0")

        def holds() -> bool:
            try:
                with held(tmp_path):
                    return False
            except FolderInUse:
                return True

        async def waits() -> bool:
            return await asyncio.to_thread(holds)

        await until(waits)
        began = time.monotonic()
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 15)
    assert time.monotonic() - began < 2.5
    assert (process.returncode, out, err) == (130, b"", b"")


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
        (("enrol", "--data", newer), 2, "NAME"),
        (("revoke", "nobody", "--data", newer), 20, "newer"),
    ]
    with taken, held(used):
        for words, code, text in cases:
            found = main(["server", *map(str, words)])
            out, err = capsys.readouterr()
            assert (found, out) == (code, ""), (words, err)
            assert err.startswith("tidewatch: ") and err.count("\n") == 1 and text in err, err


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


async def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        token = (await server.enrol("alpha")).token
    size = 160 * 1024 * 1024
    block = os.urandom(1024 * 1024)
    digest = await asyncio.to_thread(sha256_of, block * 160)

    async def blocks():  # type: ignore[no-untyped-def]
        for _ in range(160):
            yield block

    async with a_server_process(tmp_path) as (process, url), aiohttp.ClientSession(url) as http:

        def peak_kib() -> int:
            text = Path(f"/proc/{process.pid}/status").read_text()
            return int(re.search(r"VmHWM:\s+(\d+)", text)[1])  # type: ignore[index]

        before = peak_kib()
        async with http.put(
            f"/api/agent/blobs/{digest}?offset=0&size={size}",
            data=blocks(),
            headers={"Authorization": f"Bearer {token}"},
        ) as response:
            assert response.status == 200, await response.text()
        assert peak_kib() - before < 32 * 1024


async def test_tls_serves_both_ports(tmp_path: Path) -> None:
    import ssl

    import trustme

    from app.server.limits import Limits
    from app.server.ports import tls_context
    from app.server.run import running_room

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    served = tls_context(chain, key)
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
