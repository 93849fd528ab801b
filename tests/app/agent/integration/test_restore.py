import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from app.agent.incoming_file import Arriving
from app.agent.restore_plan import RestorePlan, batches
from app.agent.restore_tree import TargetTree
from app.wire.http import ClientList, Health, TreeState, VersionPage, encode
from streams.model.clients import Client
from streams.model.files import FileVersion
from streams.model.vocabulary import ClientState, EntryKind, FileState
from tests.app.agent.machines import a_server, agent, restore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def version(path: bytes, data: bytes = b"", number: int = 1, **more: object) -> FileVersion:
    facts: dict[str, object] = {
        "kind": EntryKind.FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "mode": 0o644,
        "size_bytes": len(data),
        "mtime_ns": 10**18,
        "path": path.decode("utf-8", "replace"),
        **more,
    }
    return FileVersion(
        id=number, file_id=number, run_id=1, client_id="c", raw_path=path, state=FileState.STORED,
        created_at=NOW, **facts,
    )  # type: ignore[arg-type] # fmt: skip


def folder(path: bytes) -> FileVersion:
    return version(path, kind=EntryKind.FOLDER, sha256=None, mode=0o755)


def link(path: bytes, target: bytes) -> FileVersion:
    return version(path, kind=EntryKind.LINK, sha256=None, link_target=target)


@asynccontextmanager
async def a_false_server(
    entries: list[FileVersion],
    contents: dict[int, bytes],
    next_after: int | None = None,
    batch: bytes | None = None,
) -> AsyncIterator[str]:
    """A server that says whatever it is told to."""
    client = Client(id="c", name="laptop", state=ClientState.ONLINE, created_at=NOW, goal_s=1)
    answers = {
        "/health": Health(status="ok", name="tidewatch", protocol=1, version="0", events_port=1),
        "/api/clients": ClientList(epoch="e", seq=0, clients=(client,)),
        "/api/tree/state": TreeState(),
        "/api/tree": VersionPage(entries=tuple(entries), next_after=next_after),
    }

    async def answer(request: web.Request) -> web.Response:
        if request.path in answers:
            return web.Response(body=encode(answers[request.path]))
        if batch is not None and request.method == "POST":
            return web.Response(body=batch)
        return web.Response(body=contents[int(request.path.split("/")[3])])

    app = web.Application()
    app.router.add_route("*" if batch is not None else "GET", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def from_false(url: str, tmp_path: Path, *more: object) -> int:
    token = tmp_path / "token"
    token.write_text("t\n")
    return await restore(
        "laptop", "--server", url, "--token-file", token, "--to", tmp_path / "in" / "to", *more
    )


async def test_an_evil_server_writes_nothing_outside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = b"evil"
    entries = [
        folder(b"/src"),
        version(b"/src/good", b"good", 1),
        version(b"/src/../../escaped", evil, 2),
        version(b"../escaped", evil, 3),
        version(b"/src/./dot", evil, 4),
        version(b"/src//empty", evil, 5),
        version(b"/src/zero\0byte", evil, 6),
        link(b"/src/door", os.fsencode(tmp_path)),
        version(b"/src/door/walked", evil, 7),
        version(b"/src/wrong", b"right", 8),
        version(b"/src/longer", b"12345", 9),
        version(b"/src/shorter", b"12345", 10),
    ]
    contents = {1: b"good", 7: evil, 8: b"wrong", 9: b"123456", 10: b"1234"}
    async with a_false_server(entries, {**dict.fromkeys(range(2, 7), evil), **contents}) as url:
        assert await from_false(url, tmp_path) == 1
    told = capsys.readouterr().err
    assert told.count("refused:") == 5
    assert told.count("not restored:") == 4
    assert sorted(os.listdir(tmp_path)) == ["in", "token"]
    assert os.listdir(tmp_path / "in") == ["to"]
    assert sorted(os.listdir(tmp_path / "in" / "to")) == ["door", "good"]
    assert os.listdir(tmp_path / "in" / "to" / "door") == ["walked"]
    assert not (tmp_path / "in" / "to" / "door").is_symlink()


async def test_two_entries_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    entries = [folder(b"/src"), version(b"/src/f", b"1", 1), version(b"/src/f", b"2", 2)]
    async with a_false_server(entries, {1: b"1", 2: b"2"}) as url:
        assert await from_false(url, tmp_path) == 1
    assert os.listdir(tmp_path / "in" / "to") == ["f"]


def chosen(*words: str, patterns: tuple[str, ...] = (), full_paths: bool = False) -> list[bytes]:
    plan = RestorePlan()
    plan.add(
        [
            folder(b"/home/me"),
            folder(b"/home/me/docs"),
            version(b"/home/me/docs/a.txt"),
            version(b"/home/me/docs/b.log"),
            version(b"/home/me/\xff.txt"),
            folder(b"/home/me/docs/deep"),
            version(b"/home/me/docs/deep/c.txt"),
        ]
    )
    plan.choose(words, patterns, full_paths=full_paths)
    return [b"/".join(item.parts) for item in plan.items]


def test_the_deepest_common_folder_is_stripped() -> None:
    everything = [b"", b"docs", b"docs/a.txt", b"docs/b.log", b"docs/deep", b"docs/deep/c.txt", b"\xff.txt"]
    assert chosen() == everything
    assert chosen(full_paths=True)[0] == b"home/me"
    plan = RestorePlan()
    plan.add([version(b"/etc/hosts")])
    plan.choose(())
    assert [item.parts for item in plan.items] == [(b"hosts",)]


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        (["*.log"], [b"", b"docs", b"docs/b.log"]),
        (["docs/deep"], [b"", b"docs", b"docs/deep", b"docs/deep/c.txt"]),
        (["/home/me/docs/deep/"], [b"", b"docs", b"docs/deep", b"docs/deep/c.txt"]),
        (["docs/*", "!*.log", "!deep"], [b"", b"docs", b"docs/a.txt"]),
        (["/?.txt"], [b"", b"\xff.txt"]),
        (["nothing"], []),
    ],
)
def test_patterns_choose_and_bring_their_folders(patterns: list[str], files: list[bytes]) -> None:
    assert chosen(patterns=tuple(patterns)) == files
    if not patterns[0].startswith("/"):
        assert chosen(*patterns) == files


LITERAL_NAMES = (
    b"[live] song", b"report[1].pdf", b"report1.pdf", b"#notes", b"!important", b"star*.txt", b"starlit.txt",
    b"back\\slash", b"end ", b"a?c", b"abc", b"\xff", b"**", b"-rf",
)  # fmt: skip


@pytest.mark.parametrize("name", LITERAL_NAMES)
@pytest.mark.parametrize("below", [False, True])
def test_a_name_that_is_there_means_itself_alone(name: bytes, below: bool) -> None:
    plan = RestorePlan()
    plan.add([folder(b"/m")])
    for place in (b"/m/", b"/m/deep/"):
        plan.add([version(place + each, number=n) for n, each in enumerate(LITERAL_NAMES)])
    plan.choose([os.fsdecode(name if below else b"/m/" + name)])
    assert [item.path for item in plan.items if item.kind is EntryKind.FILE] == [b"/m/" + name]


def test_a_whole_path_that_is_not_there_is_no_pattern() -> None:
    plan = RestorePlan()
    plan.add([folder(b"/m"), version(b"/m/report1.pdf"), version(b"/m/other")])
    plan.choose(["/m/report[1].pdf", "other"])
    assert plan.unknown == ["/m/report[1].pdf"]
    assert [item.path for item in plan.items] == [b"/m", b"/m/other"]
    assert not plan.guessed


def test_a_whole_path_above_what_was_backed_up_names_all_of_it() -> None:
    everything = chosen()
    assert chosen("/home/me/") == everything
    assert chosen("/home") == everything
    assert chosen("/home/me/docs/", full_paths=True)[-1] == b"home/me/docs/deep/c.txt"


async def test_what_is_there_is_not_replaced_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "one").write_text("backed up")
    (source / "two").write_text("backed up")
    (to / "sub").mkdir(parents=True)
    (to / "sub" / "one").write_text("mine")
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        assert await agent(source, *words, "--once") == 0
        token = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", to) == 2
        assert "sub/one" in capsys.readouterr().err
        assert sorted(os.listdir(to)) == ["sub"]
        assert await restore("laptop", *token, "--to", to, "two") == 0
        assert (to / "sub" / "one").read_text() == "mine"
        (to / "sub" / f".tidewatch-{os.getpid()}-1.part").write_text("of one that was killed")
        assert await restore("laptop", *token, "--to", to, "--overwrite") == 0
        assert os.listdir(to / "sub") == ["one"]
        assert (to / "sub" / "one").read_text() == "backed up"
        assert await restore("laptop", *token, "--to", tmp_path / "full", "--full-paths") == 0
        assert (tmp_path / "full" / str(source)[1:] / "two").read_text() == "backed up"


async def test_an_agent_restores_its_own_files_with_its_own_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, to, state = tmp_path / "source", tmp_path / "to", tmp_path / "state"
    source.mkdir()
    (source / "small").write_text("its own")
    (source / "large").write_bytes(os.urandom(3_000_000))
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", state)
        assert await agent(source, *words, "--once") == 0
        assert await restore("laptop", "--state", state, "--to", to) == 0
        assert (to / "small").read_text() == "its own"
        assert (to / "large").read_bytes() == (source / "large").read_bytes()
        capsys.readouterr()
        assert await restore("desktop", "--state", state, "--to", tmp_path / "other") == 2
        assert "belongs to the client 'laptop'" in capsys.readouterr().err
        assert await restore("laptop", "--state", tmp_path / "none", "--to", tmp_path / "other") == 2
        assert "no agent has enrolled" in capsys.readouterr().err


async def test_a_disk_that_runs_full_ends_the_restore_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_text(f"content of {name}")
    keep, kept = Arriving.keep, 0

    def keep_one(arriving: Arriving, data: bytes) -> None:
        nonlocal kept
        if kept:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        kept += 1
        keep(arriving, data)

    monkeypatch.setattr(Arriving, "keep", keep_one)
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        assert await agent(source, *words, "--once") == 0
        capsys.readouterr()
        token = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", to) == 2
    said = capsys.readouterr().err
    assert f"--to {to}: " in said and "No space left on device" in said
    assert "Make room" in said and said.count("\n") == 1
    assert len([name for name in os.listdir(to) if not name.startswith(".tidewatch")]) == 1


async def test_a_damaged_stored_file_is_said_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "good").write_bytes(b"good" * 500_000)
    (source / "bad").write_bytes(os.urandom(2_000_000))
    digest = hashlib.sha256((source / "bad").read_bytes()).hexdigest()
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        assert await agent(source, *words, "--once") == 0
        (stored,) = [p for p in (tmp_path / "data" / "store").rglob("*") if p.name.startswith(digest[2:])]
        stored.chmod(0o600)
        content = bytearray(stored.read_bytes())
        content[len(content) // 2] ^= 1
        stored.write_bytes(content)
        to = tmp_path / "to"
        token = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", to) == 1
        assert f"not restored: {source}/bad: " in capsys.readouterr().err
        assert os.listdir(to) == ["good"]
        # The next backup sends it again, unchanged as it is.
        assert await agent(source, "--state", tmp_path / "state", "--once") == 0
        assert await restore("laptop", *token, "--to", tmp_path / "healed") == 0
    assert (tmp_path / "healed" / "bad").read_bytes() == (source / "bad").read_bytes()


async def test_a_small_damaged_file_is_said_and_those_beside_it_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"{number:03}").write_bytes(b"%d" % (number // 2) * 10)
    (source / "bad").write_bytes(b"bad" * 100)
    (source / "empty").touch()
    digest = hashlib.sha256(b"bad" * 100).hexdigest()
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        assert await agent(source, *words, "--once") == 0
        (stored,) = [p for p in (tmp_path / "data" / "store").rglob("*") if p.name.startswith(digest[2:])]
        stored.chmod(0o600)
        stored.write_bytes(stored.read_bytes()[:-1] + b"?")
        to = tmp_path / "to"
        token = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", to) == 1
    assert f"not restored: {source}/bad: " in capsys.readouterr().err
    (source / "bad").unlink()
    assert {p.name: p.read_bytes() for p in to.iterdir()} == {
        p.name: p.read_bytes() for p in source.iterdir()
    }


def test_small_files_are_fetched_together_and_large_ones_alone() -> None:
    plan = RestorePlan()
    sizes = [10, 300_000, *[250_000] * 20, *[1] * 600]
    plan.add([version(b"/%05d" % n, number=n, size_bytes=size) for n, size in enumerate(sizes)])
    made = list(batches(plan.items))
    assert sorted(item.version_id for batch in made for item in batch) == list(range(len(sizes)))
    assert [len(batch) for batch in made] == [1, 17, 250, 250, 104]
    assert all(len(batch) == 1 or sum(item.size for item in batch) <= 4 * 1024 * 1024 for batch in made)


async def test_names_that_cannot_be_cost_themselves_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        version(b"/", b"root", 1),
        version(b"/" + b"n" * 300, b"long", 2),
        version(b"/a", b"file", 3),
        version(b"/a/b", b"below a file", 4),
        version(b"/nasty\x1b[2J\xe2\x80\xae\n", b"name", 5),
        link(b"/far", b"x" * 5000),
        version(b"/late", b"late", 6, mtime_ns=2**100),
        version(b"/good", b"good", 7),
    ]
    contents = {1: b"root", 2: b"long", 3: b"file", 4: b"below a file", 5: b"name", 6: b"late", 7: b"good"}
    async with a_false_server(entries, contents) as url:
        assert await from_false(url, tmp_path) == 1
    said = capsys.readouterr()
    assert said.err.count("refused:") == 2
    assert said.err.count("not restored:") == 2
    assert said.err.count("renamed:") == 1
    assert "\x1b" not in said.err + said.out
    assert "1 more" not in said.err
    assert "2 refused, 2 failed" in said.out
    assert (tmp_path / "in" / "to" / "good").read_bytes() == b"good"


async def test_a_list_that_goes_round_in_circles_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_false_server([version(b"/f", b"1", 1)], {1: b"1"}, next_after=5) as url:
        assert await from_false(url, tmp_path) == 2
    assert "does not come to its end" in capsys.readouterr().err


async def test_an_answer_without_end_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.agent.api.MAX_REPLY_BYTES", 1000)
    entries = [version(b"/%d" % number, b"1", 1) for number in range(100)]
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 2
    assert "does not end" in capsys.readouterr().err


async def test_a_refusal_of_the_system_is_a_line_wherever_it_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("app.agent.target_file.NewFile.close", refuse)
    entries = [version(b"/f", b"1", 1), version(b"/large", b"2" * 300_000, 2)]
    async with a_false_server(entries, {1: b"1", 2: b"2" * 300_000}) as url:
        assert await from_false(url, tmp_path) == 1
    assert capsys.readouterr().err.count("Input/output error") == 2


async def test_a_restore_that_was_cut_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        folder(b"/src"),
        version(b"/src/large", b"2" * 300_000, 2),
        folder(b"/src/ro"),
        version(b"/src/ro/large", b"3" * 300_000, 3),
        link(b"/src/link", b"large"),
    ]
    contents = {2: b"2" * 300_000, 3: b"3" * 300_000}
    to = tmp_path / "in" / "to"
    async with a_false_server(entries, contents) as url:
        assert await from_false(url, tmp_path) == 0
        # As one is left that was killed: something is missing, folders have not got their modes and times.
        (to / "large").unlink()
        (to / "ro").chmod(0o700)
        (to / ".tidewatch-RESTORING").write_text(
            "Restored from /src of laptop\nThis restore has not ended: the same command goes on with it.\n"
            "/\0/ro"
        )
        os.utime(to / "ro", (1, 1))
        kept = (to / "ro" / "large").stat().st_ino
        # Only what is missing can be fetched now.
        del contents[3]
        capsys.readouterr()
        assert await from_false(url, tmp_path) == 0
    said = capsys.readouterr().out
    assert "2 were there already" in said
    assert "from /src into" in said
    assert (to / "ro" / "large").stat().st_ino == kept
    assert (to / "large").read_bytes() == b"2" * 300_000
    at = (to / "ro").stat()
    assert (at.st_mode & 0o777, at.st_mtime_ns) == (0o755, 10**18)
    assert sorted(os.listdir(to)) == ["large", "link", "ro"]


async def test_what_is_below_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = TargetTree.make_folder

    def refuse(tree: TargetTree, parts: tuple[bytes, ...], *, overwrite: bool) -> bool:
        if parts == (b"a",):
            raise PermissionError(errno.EACCES, "Permission denied")
        return make(tree, parts, overwrite=overwrite)

    monkeypatch.setattr(TargetTree, "make_folder", refuse)
    entries = [
        folder(b"/s"),
        folder(b"/s/a"),
        folder(b"/s/a/b"),
        version(b"/s/a/b/f", b"1", 1),
        version(b"/s/g", b"2", 2),
    ]
    async with a_false_server(entries, {1: b"1", 2: b"2"}) as url:
        assert await from_false(url, tmp_path) == 1
    assert capsys.readouterr().err.count("not restored:") == 1
    assert os.listdir(tmp_path / "in" / "to") == ["g"]
