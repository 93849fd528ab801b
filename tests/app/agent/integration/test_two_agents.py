"""The agent's memory is believed only where the server confirms it: copied states, older copies."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from app.agent.link import Link
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_backup, a_server, agent


@pytest.fixture
def source(source: Path) -> Path:
    """Return a folder with a link and two files more than every test has."""
    for name in ("a", "b"):
        (source / name).write_text(name)
    (source / "link").symlink_to("a")
    return source


async def first(server: Server, tmp_path: Path, source: Path) -> None:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    assert await agent(source, *words, "--state", tmp_path / "state", "--once") == 0


async def kept(server: Server) -> dict[str, tuple[int, bytes | None, int]]:
    """Return mode, target and size of what the server has."""
    entries, _ = await server.room.catalogue.files.tree(await server.client_id("laptop"))
    return {Path(e.path).name: (e.mode, e.link_target, e.size_bytes) for e in entries}


async def test_two_agents_with_one_state_are_both_told_and_the_next_backup_of_each_reads_again(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = (Link.__init__.__kwdefaults__ or {}) | {"shut_out_s": 0.2}  # until who was replaced comes back
    monkeypatch.setattr(Link.__init__, "__kwdefaults__", soon)
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await server.states(RunState.COMPLETE)
        await asyncio.to_thread(shutil.copytree, tmp_path / "state", tmp_path / "clone")
        clone = asyncio.create_task(agent(source, "--state", tmp_path / "clone", "--every", "1d"))
        said = ""
        try:
            async with asyncio.timeout(30):
                # Each says it once.
                while said.count("Another agent has connected as this client") < 2:
                    await asyncio.sleep(0.05)
                    said += capsys.readouterr().err
        finally:
            clone.cancel()
            await asyncio.wait({clone})
        working.cancel()
        await asyncio.wait({working})
        again = ("state", "clone", "state")
        for number, state in enumerate(again):
            (source / f"of-{number}").write_text(str(number))
            capsys.readouterr()
            assert await agent(source, "--state", tmp_path / state, "--once") == 0
            noticed = "is not the one of the last backup" in capsys.readouterr().err
            assert noticed is (number > 0), "what the other one has told since"
            expected = {"source", "file", "a", "b", "link", *(f"of-{each}" for each in range(number + 1))}
            assert set(await kept(server)) == expected


@pytest.mark.parametrize("which", ["the agent's state", "the catalogue"])
async def test_what_was_put_back_from_a_copy_is_noticed_and_all_is_healed(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    server = Server(tmp_path / "data")
    await server.start()
    await first(server, tmp_path, source)
    await server.stop()
    folder = tmp_path / ("state" if which == "the agent's state" else "data")
    copy = tmp_path / "copy"
    await asyncio.to_thread(shutil.copytree, folder, copy)
    server = Server(tmp_path / "data")
    await server.start()
    again = (source, "--state", tmp_path / "state", "--server", server.url, "--once")
    (source / "a").chmod(0o600)
    (source / "b").unlink()
    (source / "c").write_text("new")
    (source / "link").unlink()
    (source / "link").symlink_to("elsewhere")
    assert await agent(*again) == 0
    true = await kept(server)
    await server.stop()
    await asyncio.to_thread(shutil.rmtree, folder)
    await asyncio.to_thread(shutil.move, copy, folder)
    server = Server(tmp_path / "data")
    await server.start()
    try:
        capsys.readouterr()
        assert await agent(source, "--state", tmp_path / "state", "--server", server.url, "--once") == 0
        assert "is not the one of the last backup" in capsys.readouterr().err
        assert await kept(server) == true
        assert {name: mode for name, (mode, _, _) in true.items()}["a"] == 0o600
        assert true["link"][1] == b"elsewhere" and "b" not in true and "c" in true
    finally:
        await server.stop()


async def test_a_damaged_index_is_begun_again(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        await first(server, tmp_path, source)
        with sqlite3.connect(tmp_path / "state" / "index.db") as index:
            index.execute("UPDATE facts SET value = 'nonsense' WHERE name != 'client_id'")
        index.close()
        (source / "c").write_text("new")
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        assert set(await kept(server)) == {"source", "file", "a", "b", "c", "link"}
        (tmp_path / "state" / "index.db").write_bytes(b"no database" * 1000)
        capsys.readouterr()
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        assert "begun again" in capsys.readouterr().err
        assert set(await kept(server)) == {"source", "file", "a", "b", "c", "link"}
