"""A PATH that is not there, or not given any more, in whole backups to a real server."""

from pathlib import Path

import pytest

from app.agent.found import Step
from app.agent.scan import Scanner
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_server, agent


async def present(server: Server) -> set[str]:
    entries, _ = await server.room.catalogue.files.tree(await server.client_id("laptop"))
    return {Path(entry.path).name for entry in entries}


async def first(server: Server, state: Path, *paths: object) -> int:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    return await agent(*paths, *words, "--state", state, "--once")


async def test_a_missing_path_keeps_no_other_from_being_backed_up(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, state = tmp_path / "other", tmp_path / "agent"
    other.mkdir()
    async with a_server(tmp_path / "data") as server:
        assert await first(server, state, root, other) == 0
        root.rename(tmp_path / "away")
        (other / "new").write_text("x")
        assert await agent(root, other, "--state", state, "--once") == 1
        said = capsys.readouterr().err
        assert "missing" in said and "No such file" in said and "--gone" in said
        assert {"a", "b", "c", "new"} <= await present(server)
        run = (await server.runs())[-1]
        assert run.state is RunState.PARTIAL and run.reason and str(root) in run.reason
        # None of them is there: that is no backup.
        assert await agent(root, "--state", state, "--once") == 2
        run = (await server.runs())[-1]
        assert run.state is RunState.FAILED and run.reason and str(root) in run.reason
        assert await agent(root, other, "--state", state, "--once", "--gone", root) == 0
        assert not {"a", "b", "c"} & await present(server)


async def test_a_path_that_is_not_given_any_more_is_said_and_can_be_ended(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, state = tmp_path / "other", tmp_path / "agent"
    other.mkdir()
    (other / "o").write_text("x")
    async with a_server(tmp_path / "data") as server:
        assert await first(server, state, root, other) == 0
        capsys.readouterr()
        assert await agent(other, "--state", state, "--once") == 0
        assert f"not given any more: {root}" in capsys.readouterr().err
        assert "a" in await present(server)
        assert await agent(other, "--state", state, "--once", "--gone", root) == 0
        assert await present(server) == {"other", "o"}
        capsys.readouterr()
        assert await agent(other, "--state", state, "--once") == 0
        assert "not given" not in capsys.readouterr().err


async def test_a_first_backup_with_one_mistyped_path_backs_up_the_other(root: Path, tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await first(server, tmp_path / "agent", root, tmp_path / "mistyped") == 1
        assert {"a", "b", "c"} <= await present(server)


async def test_what_is_new_is_told_before_what_is_gone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "agent"
    async with a_server(tmp_path / "data") as server:
        assert await first(server, state, root) == 0
        (root / "sub").mkdir()
        for name in ("a", "b", "c"):
            (root / name).rename(root / "sub" / f"{name}-renamed")
        seen: set[str] = set()
        vanish = server.room.catalogue.runs.add_vanished

        async def look(run_id: int, raw_paths: tuple[bytes, ...]) -> object:
            seen.update(await present(server))
            return await vanish(run_id, raw_paths)

        monkeypatch.setattr(server.room.catalogue.runs, "add_vanished", look)
        assert await agent(root, "--state", state, "--once") == 0
        assert {"a", "b", "c", "a-renamed", "b-renamed", "c-renamed"} <= seen
        assert not {"a", "b", "c"} & await present(server)


async def test_a_disk_that_goes_away_in_mid_backup_is_not_deleted(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "agent"
    for number in range(3):
        (root / f"sub-{number}").mkdir()
        (root / f"sub-{number}" / "inner").write_text("x")
    async with a_server(tmp_path / "data") as server:
        assert await first(server, state, root) == 0
        for number in range(3):
            (root / f"sub-{number}" / "inner").write_text("changed")
        step = Scanner.step
        steps: list[Step] = []

        def unmount(scanner: Scanner) -> Step:
            if not steps:
                monkeypatch.setattr("app.agent.scan.STEP_NAMES", 1)
            steps.append(step(scanner))
            if len(steps) == 2:
                root.rename(tmp_path / "away")
                root.mkdir()
            return steps[-1]

        monkeypatch.setattr(Scanner, "step", unmount)
        assert await agent(root, "--state", state, "--once") == 2
        assert "went away while it was backed up" in capsys.readouterr().err
        assert {"a", "b", "c", "sub-0", "sub-1", "sub-2"} <= await present(server)
        assert (await server.runs())[-1].state is RunState.FAILED
