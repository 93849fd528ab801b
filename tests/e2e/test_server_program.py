"""The server as a program of its own: its first words, its end, and how much memory a large upload takes."""

import asyncio
import json
import os
import re
import resource
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from app.__main__ import main
from app.server.data_dir import held
from app.server.problems import FolderInUse
from tests.servers import a_server, sha256_of, until

pytestmark = pytest.mark.timeout(120)
COMMAND = "import sys; from app.__main__ import main; sys.exit(main(sys.argv[1:]))"
END_S = 15
"""Long: a busy machine is no fault; the upload would wait twice as long."""


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
    return main(["server", *map(str, words)])


@asynccontextmanager
async def a_server_process(
    data: Path, *words: str, **options: object
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await a_process("--data", data, "--port", "0", *words, **options)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 50)).decode()
        found = re.search(r"serving (\S+) \(events on port \d+\)", line)
        assert found, (line, process.stderr and await process.stderr.read())
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_first_start_writes_the_token_and_tells_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "new" / "data"
    async with a_server_process(data) as (process, url):
        assert process.stdout is not None
        where = (await process.stdout.readline()).decode()
        file = data / "console.token"
        token = file.read_text().strip()
        assert str(file) in where and token not in where, "a pipe may lead to a journal"
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
        assert await asyncio.wait_for(process.wait(), END_S) == 0
        rest = (await process.stdout.read()).decode()
        assert token not in rest
        assert process.stderr is not None
        lines = [json.loads(line) for line in (await process.stderr.read()).splitlines()]
        # The revoked token was tried once more, which is told; nothing else is.
        assert [line["event"] for line in lines] == ["wrong_token"]


async def test_sigterm_ends_it_at_once_and_an_upload_keeps_its_bytes(tmp_path: Path) -> None:
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
        process.terminate()
        assert await asyncio.wait_for(process.wait(), END_S) == 0
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
async def test_a_start_that_waits_for_the_catalogue_ends_when_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with a_server(tmp_path):
        pass
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
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), END_S)
    assert (process.returncode, out, err) == (130, b"", b"")


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


async def test_the_limit_of_open_files_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    async with a_server_process(tmp_path / "data", preexec_fn=lower) as (process, _):
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
