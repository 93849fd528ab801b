"""Refusals of one content or name, lines that break, lost contents: each costs itself alone."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from app.agent import upload
from app.agent.api import Api
from app.agent.body_size import BodySize
from app.agent.failures import Refusal
from app.wire.http import Problem
from streams.model.failures import ServerUnreachable
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_server, agent, restore

Call = Callable[..., Awaitable[object]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(20):
        (folder / f"small-{number:02}").write_bytes(b"%d" % number * 1000)
    (folder / "large").write_bytes(os.urandom(400_000))
    return folder


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, dict[str, object]], None]], None]:
    """Have each request of an agent looked at, and refused where that raises."""
    call: Call = Api.call

    def install(look: Callable[[str, dict[str, object]], None]) -> None:
        async def looked_at(self: Api, method: str, path: str, *args: object, **more: object) -> object:
            look(path, more)
            return await call(self, method, path, *args, **more)

        monkeypatch.setattr(Api, "call", looked_at)

    return install


def refused(code: str, status: int) -> Refusal:
    return Refusal(Problem(code=code, message="No."), status=status)


async def back_up(server: Server, source: Path, tmp_path: Path) -> int:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"), "--once")
    return await agent(source, *words, "--state", tmp_path / "state", "--config", config(tmp_path))


def config(tmp_path: Path) -> Path:
    path = tmp_path / "quick.toml"
    path.write_text("[agent]\nbackoff_base_s = 0.05\nbackoff_cap_s = 0.1\nreread_times = 1\n")
    return path


async def names_at(server: Server) -> set[str]:
    entries, _ = await server.room.catalogue.files.tree(await server.client_id("laptop"), None, 0, 100)
    return {Path(entry.path).name for entry in entries}


@pytest.mark.parametrize(
    ("code", "status"),
    [("hash_mismatch", 422), ("bad_request", 400), ("damaged", 410), ("odd", 418)],
)
async def test_a_refused_content_costs_its_file(
    source: Path, tmp_path: Path, answering: Callable[..., None], code: str, status: int
) -> None:
    bad = b"7" * 1000

    def look(path: str, more: dict[str, object]) -> None:
        if path.endswith("/batch") and bad in bytes(more["data"]):  # type: ignore[arg-type]
            raise refused(code, status)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 1
        assert len(await names_at(server)) == 21
        run = (await server.runs())[-1]
    assert (run.state, run.files_failed) == (RunState.PARTIAL, 1)
    assert run.reason is not None and "small-07: the server refuses it" in run.reason


@pytest.mark.parametrize(("code", "status"), [("offset_mismatch", 409), ("hash_mismatch", 422), ("odd", 418)])
async def test_a_large_content_that_is_never_taken_costs_its_file_and_ends(
    source: Path, tmp_path: Path, answering: Callable[..., None], code: str, status: int
) -> None:
    def look(path: str, more: dict[str, object]) -> None:
        if "params" in more and "/blobs/" in path:
            raise refused(code, status)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 1
        assert await names_at(server) == {"source", *(f"small-{number:02}" for number in range(20))}


async def test_a_refused_name_costs_itself(
    source: Path, tmp_path: Path, answering: Callable[..., None]
) -> None:
    def look(path: str, more: dict[str, object]) -> None:
        entries = getattr(more.get("json"), "entries", ())
        if any(entry.raw_path.endswith(b"small-03") for entry in entries):
            raise refused("bad_request", 400)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 1
        assert len(await names_at(server)) == 21


async def test_what_every_content_is_refused_for_ends_the_run(
    source: Path, tmp_path: Path, answering: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_REFUSED_IN_A_ROW", 5)

    def look(path: str, more: dict[str, object]) -> None:
        if path.endswith("/batch"):
            raise refused("quota_exceeded", 507)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 2
        assert (await server.runs())[-1].state is RunState.FAILED


@pytest.mark.parametrize("most", [1_000_000, 150_000, 70_000, 20_000])
async def test_a_limit_of_bodies_is_found_and_kept_to(
    source: Path, tmp_path: Path, answering: Callable[..., None], most: int
) -> None:
    (source / "larger").write_bytes(os.urandom(3_000_000))
    for number in range(30):
        (source / f"more-{number}").write_bytes(os.urandom(100_000))
    tried: list[int] = []

    def look(path: str, more: dict[str, object]) -> None:
        size = more.get("size") or len(more.get("data") or b"")  # type: ignore[arg-type]
        size = size or len(msgspec.json.encode(more.get("json")))
        if isinstance(size, int):
            tried.append(size)
            if size > most:
                raise refused("http_413", 413)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 0
        token = server.info.token_file
        words = ("--server", server.url, "--token-file", token, "--to", tmp_path / "back")
        assert await restore("laptop", *words) == 0
    for path in source.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()
    assert sum(size > most for size in tried) < len(tried) / 2


async def test_what_does_not_get_through_to_be_vanished_is_told_and_not_forgotten(
    source: Path, tmp_path: Path, answering: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    refuses = True

    def look(path: str, more: dict[str, object]) -> None:
        paths = getattr(more.get("json"), "raw_paths", ())
        if refuses and any(path.endswith(b"small-03") for path in paths):
            raise refused("http_403", 403)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 0
        for number in range(10):
            (source / f"small-{number:02}").unlink()
        assert await agent(source, "--state", tmp_path / "state", "--once") == 1
        assert "small-03: the server cannot be told that it is gone" in capsys.readouterr().err
        assert len(await names_at(server)) == 13
        refuses = False
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        assert len(await names_at(server)) == 12


async def test_batches_get_through_a_line_that_breaks_under_large_ones(
    source: Path, tmp_path: Path, answering: Callable[..., None]
) -> None:
    for number in range(40):
        (source / f"more-{number}").write_bytes(os.urandom(200_000))

    def look(path: str, more: dict[str, object]) -> None:
        if path.endswith("/batch") and len(more["data"]) > 500_000:  # type: ignore[arg-type]
            raise ServerUnreachable("The line broke.")

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 0


async def test_contents_that_the_server_has_lost_are_sent_again(
    source: Path, tmp_path: Path, answering: Callable[..., None]
) -> None:
    lost: list[str] = []

    def look(path: str, more: dict[str, object]) -> None:
        entries = getattr(more.get("json"), "entries", ())
        if entries and len(lost) < 2:
            lost.append(path)
            raise refused("blobs_missing", 409)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 0
        assert len(await names_at(server)) == 22


async def test_contents_that_are_lost_again_and_again_cost_their_files(
    source: Path, tmp_path: Path, answering: Callable[..., None]
) -> None:
    def look(path: str, more: dict[str, object]) -> None:
        if any(entry.sha256 for entry in getattr(more.get("json"), "entries", ())):
            raise refused("blobs_missing", 409)

    answering(look)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 1
        assert (await server.runs())[-1].state is RunState.PARTIAL


async def test_a_full_disk_of_the_agent_is_one_line_and_the_next_backup_is_whole(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.agent.index import Index, IndexUnusable

    write = Index._write
    full = asyncio.Event()
    full.set()

    def filling(self: Index, change: Callable[[], object]) -> None:
        if full.is_set() and self.fact("revision") is not None:
            raise IndexUnusable("database or disk is full.")
        write(self, change)

    monkeypatch.setattr(Index, "_write", filling)
    async with a_server(tmp_path / "data") as server:
        assert await back_up(server, source, tmp_path) == 1
        told = capsys.readouterr().err
        assert told.count("disk is full") == 1
        full.clear()
        (source / "new").write_text("new")
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        assert len(await names_at(server)) == 23


def test_sizes_are_halved_and_grow_again() -> None:
    size = BodySize(1_000_000)
    assert size.take(["a", "b"], lambda _: 600_000) == ["a"]
    assert size.take(["a"], lambda _: 6_000_000) == ["a"]
    assert size.fail(800_000)
    assert size.limit == 400_000
    for _ in range(8):
        size.succeed()
    assert size.limit == 800_000
    assert size.fail(800_000, for_good=True)
    for _ in range(50):
        size.succeed()
    assert size.limit == 400_000
    while size.fail(size.limit):
        pass
    assert size.take(["a", "b"], lambda _: 100_000) == ["a"]
