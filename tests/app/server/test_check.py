"""Copies of the catalogue, its check against the store, repair, and putting a copy back."""

import asyncio
import itertools
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import __main__ as commands
from app.catalogue import copies
from app.catalogue.copies import copies_in, copy_to, describe, keep_newest, restore, verify
from app.catalogue.errors import CatalogueFull
from app.server.catalogue_backup import CatalogueBackups
from app.server.check import check
from app.server.commands import shared
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER, alone, beside
from app.server.limits import Limits
from app.server.problems import FolderInUse
from app.server.repair import repair
from streams.model.failures import NotADatabase
from streams.model.vocabulary import FileState
from tests.servers import a_server, sha256_of

FILES = {"/a": b"a" * 3000, "/b": b"b" * 3000, "/c": b"", "/d/e": b"a" * 3000}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The folder of a server that has ended, with one client's backup."""
    folder = tmp_path / "data"
    async with a_server(folder) as server:
        agent = await server.enrol("alpha")
        await agent.back_up(FILES)
        await agent.back_up({"/a": b"second" * 500})
    return folder


def execute(data: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data / CATALOGUE_FILE)) as database, database:
        for statement in statements:
            database.execute(statement)


def blob_path(data: Path, content: bytes) -> Path:
    name = sha256_of(content)
    return data / STORE_FOLDER / name[:2] / name[2:]


def lose_a_file(data: Path) -> None:
    blob_path(data, FILES["/b"]).unlink()


def add_a_file(data: Path) -> None:
    blob_path(data, b"never heard of").write_bytes(b"x")


def cut_a_file(data: Path) -> None:
    path = blob_path(data, FILES["/b"])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def miscount(data: Path) -> None:
    execute(
        data,
        "UPDATE clients SET file_count = 77, stored_bytes = stored_bytes + 1",
        "UPDATE clients SET held_bytes = 0, deleted_count = 5",
        "UPDATE files SET version_count = 9 WHERE path = '/a'",
        "UPDATE client_contents SET version_count = version_count + 1",
        "UPDATE meta SET value = '1' WHERE name = 'blob_bytes'",
    )


def forget_a_path(data: Path) -> None:
    execute(data, "DELETE FROM files_text_data WHERE id > 10")


def lose_the_index(data: Path) -> None:
    execute(data, "DROP TABLE files_trigrams", "DROP TABLE files_text")


def index_another_path(data: Path) -> None:
    execute(data, "INSERT INTO files_text (rowid, text) VALUES (99, 'nobody has it')")


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (lose_a_file, "missing"),
    (add_a_file, "unknown"),
    (cut_a_file, "size"),
    (miscount, "client"),
    (forget_a_path, "search"),
    (lose_the_index, "search"),
]


async def test_what_a_server_leaves_is_sound(data: Path) -> None:
    report = await asyncio.to_thread(check, data / CATALOGUE_FILE, data / STORE_FOLDER, read=True)
    assert report.problems == [] and report.wrong == 0
    assert (report.clients, report.contents, report.files) == (1, 4, 4)


@pytest.mark.parametrize(("damage", "kind"), DAMAGES)
async def test_damage_is_found_and_repaired(data: Path, damage: Callable[[Path], None], kind: str) -> None:
    await asyncio.to_thread(damage, data)
    catalogue, store = data / CATALOGUE_FILE, data / STORE_FOLDER
    report = await asyncio.to_thread(check, catalogue, store)
    assert kind in {problem.kind for problem in report.problems} and report.wrong
    await asyncio.to_thread(repair, catalogue, store, report)
    again = await asyncio.to_thread(check, catalogue, store)
    assert again.problems == []


async def test_a_search_index_that_is_wrong_is_made_anew(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(index_another_path, data)
    command = ["server", "repair", "--data", str(data), "--read"]
    assert await asyncio.to_thread(commands.main, command) == 1
    assert "search index anew" in capsys.readouterr().out, "it is said before"
    assert await asyncio.to_thread(commands.main, [*command, "--yes"]) == 0
    assert await asyncio.to_thread(commands.main, command) == 0
    async with a_server(data) as server:
        assert [row["path"] for row in (await server.get("/api/files?text=/d/"))["rows"]] == ["/d/e"]


def test_what_replaces_the_catalogue_works_alone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enrol = ["server", "enrol", "beta", "--data", str(data)]
    repairing = ["server", "repair", "--data", str(data)]
    with alone(data):
        assert commands.main(enrol) == FolderInUse.exit_code
        assert commands.main(repairing) == FolderInUse.exit_code
    assert "Another command works on" in capsys.readouterr().err
    with beside(data):
        assert commands.main(enrol) == 0, "what only adds works beside others"
        assert commands.main(repairing) == FolderInUse.exit_code
    assert commands.main(repairing) == 0


async def test_two_copies_at_once_do_not_clear_each_other_away(data: Path, tmp_path: Path) -> None:
    folder, both = tmp_path / "copies", threading.Barrier(2)

    def copied(day: int) -> None:
        both.wait()
        copy_to(data / CATALOGUE_FILE, folder, NOON + timedelta(days=day))

    await asyncio.gather(*(asyncio.to_thread(copied, day) for day in range(2)))
    assert len(await asyncio.to_thread(copies_in, folder)) == 2


async def test_a_lost_content_is_sent_again_after_the_repair(data: Path) -> None:
    await asyncio.to_thread(lose_a_file, data)
    catalogue, store = data / CATALOGUE_FILE, data / STORE_FOLDER
    report = await asyncio.to_thread(check, catalogue, store)
    await asyncio.to_thread(repair, catalogue, store, report)
    async with a_server(data) as server:
        (client,) = (await server.room.catalogue.clients.all())[2]
        entries, _ = await server.room.catalogue.files.tree(client.id)
        states = {entry.path: entry.state for entry in entries}
        assert states["/b"] is FileState.DAMAGED and states["/c"] is not FileState.DAMAGED
        agent = await server.enrol("alpha")
        asked = {"hashes": [sha256_of(content) for content in FILES.values()]}
        missing = await server.post("/api/agent/blobs/missing", asked, http=agent.http)
        assert [each["sha256"] for each in missing["missing"]] == [sha256_of(FILES["/b"])]
        await agent.back_up(FILES)
        entries, _ = await server.room.catalogue.files.tree(client.id)
        assert FileState.DAMAGED not in {entry.state for entry in entries}
    assert (await asyncio.to_thread(check, catalogue, store, read=True)).wrong == 0


def flip(data: Path) -> None:
    path = blob_path(data, FILES["/b"])
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


async def test_damaged_bytes_are_found_where_they_are_read(data: Path) -> None:
    await asyncio.to_thread(flip, data)
    catalogue, store = data / CATALOGUE_FILE, data / STORE_FOLDER
    assert (await asyncio.to_thread(check, catalogue, store)).wrong == 0
    report = await asyncio.to_thread(check, catalogue, store, read=True)
    assert list(report.damaged.first) == [sha256_of(FILES["/b"])] and report.wrong == 1


async def test_a_copy_is_made_while_others_write_and_holds_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "STEP_PAGES", 4)
    async with a_server(tmp_path / "data") as server:
        agent = await server.enrol("alpha")
        await agent.back_up({f"/f{number}": b"x%d" % number for number in range(100)})
        goals = itertools.cycle(range(60, 1000))

        async def write() -> None:
            while not stop.is_set():
                await server.room.catalogue.clients.set_goal(agent.client_id, next(goals))

        stop = asyncio.Event()
        writing = asyncio.create_task(write())
        copy = await asyncio.to_thread(copy_to, server.room.catalogue.path, tmp_path / "copies", NOON)
        stop.set()
        await writing
    assert copy.counts.rows["files"] == 100
    assert copy.path.name == "catalogue-20260301T120000Z.db" and copy.path.stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(verify, copy.path) == copy.counts
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [copy.path.name], "nothing beside it"


async def test_a_copy_that_finds_no_room_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: Any) -> Any:
        return type("Usage", (), {"free": 100})

    monkeypatch.setattr(copies.shutil, "disk_usage", no_room)
    with pytest.raises(CatalogueFull, match="no room for a copy"):
        await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, data / "copies", NOON)


def test_only_the_newest_copies_are_kept(tmp_path: Path) -> None:
    for day in range(1, 6):
        (tmp_path / f"catalogue-2026030{day}T000000Z.db").write_bytes(b"")
    (tmp_path / "catalogue-of-mine.db").write_bytes(b"")
    keep_newest(tmp_path, 2, datetime(2026, 3, 6, tzinfo=UTC))
    assert [at.day for at, _ in copies_in(tmp_path)] == [4, 5]
    assert (tmp_path / "catalogue-of-mine.db").exists()


def test_the_copy_of_just_now_stays_beside_those_of_a_clock_that_was_ahead(tmp_path: Path) -> None:
    for day in (20270101, 20270102, 20260301):
        (tmp_path / f"catalogue-{day}T000000Z.db").write_bytes(b"")
    keep_newest(tmp_path, 2, datetime(2026, 3, 1, tzinfo=UTC))
    assert [at.year for at, _ in copies_in(tmp_path)] == [2026, 2027]


async def test_copies_are_made_when_they_are_due_and_a_failure_is_told(data: Path, tmp_path: Path) -> None:
    now = NOON
    other = tmp_path / "other"
    limits = Limits(catalogue_backup_h=24, catalogue_backups=2, catalogue_backup_dir=other)
    backups = CatalogueBackups(data / CATALOGUE_FILE, limits, now=lambda: now)
    for hours in (0, 1, 25, 50, 75):
        now = NOON + timedelta(hours=hours)
        await backups.make_if_due()
    assert backups.status().backup_good_at == now and not backups.status().problem
    for folder in (data / "catalogue-backups", other):
        assert [at for at, _ in await asyncio.to_thread(copies_in, folder)] == [
            NOON + timedelta(hours=50),
            now,
        ]
    await asyncio.to_thread(shutil.rmtree, other)
    await asyncio.to_thread(other.write_bytes, b"in the way")
    await backups.make_if_due()
    assert "cannot" in backups.status().problem


async def test_putting_a_copy_back_keeps_the_one_before_and_gives_a_new_epoch(
    data: Path, tmp_path: Path
) -> None:
    catalogue = data / CATALOGUE_FILE
    copy = await asyncio.to_thread(copy_to, catalogue, tmp_path / "copies", NOON)
    async with a_server(data) as server:
        await server.enrol("beta")
        epoch = server.room.catalogue.epoch
    before = await asyncio.to_thread(restore, copy.path, catalogue, NOON)
    assert before is not None and (await asyncio.to_thread(verify, before)).rows["clients"] == 2
    async with a_server(data) as server:
        assert [client.name for client in (await server.room.catalogue.clients.all())[2]] == ["alpha"]
        assert server.room.catalogue.epoch != epoch


async def test_putting_a_copy_back_can_be_cut_at_any_point(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue is at its place whenever it is cut, with what lay in its log."""
    await asyncio.to_thread(put_back_and_cut, data, tmp_path, monkeypatch)


def put_back_and_cut(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = data / CATALOGUE_FILE
    copy = copy_to(catalogue, tmp_path / "copies", NOON).path
    with closing(sqlite3.connect(catalogue)) as writing, writing:
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute("INSERT INTO meta (name, value) VALUES ('newest', 'yes')")
        writing.commit()
        # As a server that was killed leaves it: the newest commit lies in the log alone.
        left = tmp_path / "left"
        shutil.copytree(data, left)
    catalogue = left / CATALOGUE_FILE
    assert (left / f"{CATALOGUE_FILE}-wal").stat().st_size

    def newest(path: Path) -> list[tuple[str]]:
        with closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT value FROM meta WHERE name = 'newest'").fetchall()

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", cut)
            with pytest.raises(KeyboardInterrupt):
                restore(copy, catalogue, NOON)
        assert newest(catalogue) == [("yes",)]
    before = restore(copy, catalogue, NOON)
    assert before is not None and newest(before) == [("yes",)]
    assert newest(catalogue) == []
    again = restore(copy, catalogue, NOON)
    assert again not in (None, before) and newest(before) == [("yes",)], "in the same second"


def cut(_path: Path, _target: Path) -> None:
    raise KeyboardInterrupt


async def test_what_is_no_copy_is_not_put_back(data: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database at all, only a long enough text" * 100)
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as database:
        database.execute("CREATE TABLE meta (x)")
    for name in ("text.db", "foreign.db", "nothing.db"):
        with pytest.raises(NotADatabase):
            await asyncio.to_thread(describe, tmp_path / name)


def run(*words: str) -> int:
    return commands.main(["server", *words])


async def test_the_commands_say_what_they_do(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    monkeypatch.setattr(shared, "set_up_logs", lambda **_: None)

    async def command(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, *words, "--data", str(data))
        return code, capsys.readouterr().out

    code, said = await command("backup-catalogue")
    assert code == 0 and "verified: 1 clients" in said
    copy = said.split(":")[0]
    assert (await command("check", "--read"))[0] == 0
    await asyncio.to_thread(add_a_file, data)
    code, said = await command("check")
    assert code == 1 and "the catalogue does not know it" in said
    code, said = await command("repair")
    assert code == 1 and "add --yes to repair" in said and blob_path(data, b"never heard of").exists()
    code, said = await command("repair", "--yes")
    assert code == 0 and "repaired" in said and not blob_path(data, b"never heard of").exists()
    await asyncio.to_thread(add_a_file, data)
    code, said = await command("restore-catalogue", copy)
    assert code == 0 and "the catalogue before is kept as" in said
    assert "contents in the store that the copy does not know: 1" in said
    assert (await command("repair", "--yes"))[0] == 0
    async with a_server(data):
        # The folder is held: what changes something is refused while a server runs, looking is not.
        assert (await command("repair"))[0] == 7
        assert (await command("restore-catalogue", copy))[0] == 7
        assert (await command("check"))[0] == 0
        assert (await command("backup-catalogue"))[0] == 0
