"""A restore tells of a backup that did not come to its end."""

from pathlib import Path

import pytest

from app.agent.backup import Backup
from app.agent.run_journal import Ledger
from app.wire.http import FinishRun
from streams.model.failures import ServerUnreachable
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_server, agent, restore


@pytest.fixture
def source(source: Path) -> Path:
    """Return a folder with two files more than every test has."""
    for name in ("renamed", "changed"):
        (source / name).write_text(name)
    return source


async def first(server: Server, tmp_path: Path, source: Path) -> int:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    return await agent(source, *words, "--state", tmp_path / "state", "--once")


async def cut_at_the_end(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a backup whose agent is gone before what vanished is told."""

    async def gone(*_: object) -> None:
        raise ServerUnreachable("the machine went off")

    async def quietly(*_: object) -> None:
        return None

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "vanish", gone)
        patched.setattr(Backup, "_give_up", quietly)
        assert await agent(source, "--state", tmp_path / "state", "--once") == 2


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


async def test_a_backup_that_was_cut_is_said_and_nothing_is_missing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await first(server, tmp_path, source) == 0
        token = ("--server", server.url, "--token-file", server.info.token_file)
        own = ("--state", tmp_path / "state")
        capsys.readouterr()
        assert await restore("laptop", *token, "--to", tmp_path / "whole") == 0
        assert capsys.readouterr().err == ""
        (source / "renamed").rename(source / "new name")
        (source / "changed").write_text("in the cut backup")
        await cut_at_the_end(source, tmp_path, monkeypatch)
        said = ""
        for number, way in enumerate((token, own)):
            capsys.readouterr()
            to = tmp_path / f"cut-{number}"
            assert await restore("laptop", *way, "--to", to) == 0
            said = capsys.readouterr().err
            assert "under way" in said and "2 files of that one" in said
            assert names(to) == {"file", "renamed", "new name", "changed"}
            assert (to / "changed").read_text() == "in the cut backup"
        at = said.split("--at ")[1].split()[0].rstrip(".")
        assert await restore("laptop", *token, "--at", at, "--to", tmp_path / "before") == 0
        assert names(tmp_path / "before") == {"file", "renamed", "changed"}
        assert (tmp_path / "before" / "changed").read_text() == "changed"
        assert "state of the backup that ended at" in capsys.readouterr().err
        (run,) = [run for run in await server.runs() if not run.state.ended]
        await server.room.running.fail(run.id, "the agent went away")
        assert await restore("laptop", *token, "--to", tmp_path / "failed") == 0
        said = capsys.readouterr().err
        assert "did not come to its end (failed: the agent went away)" in said
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        capsys.readouterr()
        assert await restore("laptop", *token, "--to", tmp_path / "now") == 0
        assert capsys.readouterr().err == ""
        assert names(tmp_path / "now") == {"file", "new name", "changed"}


async def test_a_first_backup_that_was_cut_is_said_to_be_all_there_is(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path / "data") as server:

        async def gone(*_: object) -> None:
            raise ServerUnreachable("the machine went off")

        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "finish", gone)
            assert await first(server, tmp_path, source) == 2
        capsys.readouterr()
        way = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *way, "--to", tmp_path / "to") == 0
        said = capsys.readouterr().err
        assert "No backup of this client ever did" in said and "3 files of that one" in said


async def test_a_run_that_brought_nothing_leaves_the_state_before(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await first(server, tmp_path, source) == 0
        (run,) = await server.runs()
        empty = await server.room.catalogue.runs.start(run.client_id, run.trigger)
        await server.room.running.finish(empty.id, FinishRun(state=RunState.CANCELLED, reason="by hand"))
        capsys.readouterr()
        way = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *way, "--to", tmp_path / "to") == 0
        said = capsys.readouterr().err
        assert "cancelled: by hand" in said and "It had brought no files" in said
