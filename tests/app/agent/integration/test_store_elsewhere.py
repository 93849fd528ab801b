"""The store on another file system than the catalogue: everything works, and nothing is renamed across."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.data_dir import STORE_FOLDER
from streams.model.vocabulary import RunState
from tests.app.agent.machines import a_server, agent, restore
from tests.servers import sha256_of


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    for place in ("/dev/shm", "/var/tmp", "/tmp"):
        if Path(place).is_dir() and Path(place).stat().st_dev != tmp_path.stat().st_dev:
            folder = Path(tempfile.mkdtemp(prefix="tidewatch-store-", dir=place))
            yield folder
            shutil.rmtree(folder)
            return
    pytest.skip("all folders of this machine are on one file system")


async def test_a_store_on_another_disk_keeps_and_gives_out_everything(
    tmp_path: Path, elsewhere: Path
) -> None:
    data, source, back = tmp_path / "data", tmp_path / "source", tmp_path / "back"
    data.mkdir(mode=0o700)
    (data / STORE_FOLDER).symlink_to(elsewhere)
    source.mkdir()
    files = {f"file-{number}": bytes([number]) * 3000 * number for number in range(6)}
    files["large"] = bytes(range(256)) * 12_000
    async with a_server(data) as server:
        for name, content in files.items():
            (source / name).write_bytes(content)
        words = ("--server", server.url, "--name", "laptop", "--state", tmp_path / "state", "--once")
        assert await agent(source, *words, "--code", await server.code("laptop")) == 0
        (source / "large").write_bytes(files["large"] + b"more")
        assert await agent(source, *words) == 0
        assert {run.state for run in await server.runs()} == {RunState.COMPLETE}
        name = sha256_of(files["file-5"])  # of a file that is still in the source
        damaged = elsewhere / name[:2] / name[2:]
        raw = await asyncio.to_thread(damaged.read_bytes)
        await asyncio.to_thread(damaged.write_bytes, raw[:-1] + bytes([raw[-1] ^ 1]))
        await server.room.verification.everything()
        assert not damaged.exists(), "set aside"
        assert await agent(source, *words) == 0
        assert damaged.exists(), "sent again"
        await server.stop()
        await server.start()
        good = ("--server", server.url, "--to", back, "--token-file", server.info.token_file)
        assert await restore("laptop", *good) == 0
    restored = {path.name: path.read_bytes() for path in back.rglob("*") if path.is_file()}
    assert restored == files | {"large": files["large"] + b"more"}
