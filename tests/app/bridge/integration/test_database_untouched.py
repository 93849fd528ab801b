"""Looking changes nothing: no file, no lock is left, and what is shown is as new as the file."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database import opening
from app.database.locks import LOCKS, lock_holders
from app.database.watch import FileWatch
from streams.model.failures import DatabaseLocked, DatabaseMissing
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer

WRITER = """
    import sqlite3, sys
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    print("open", flush=True)
    for line in sys.stdin:
        if line.strip() == "close":
            db.close()
        else:
            db.execute(line.strip()).fetchall()
        print("done", flush=True)
"""
CRASH = """
    import os, sqlite3, sys
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    db.execute("INSERT INTO t VALUES (11)")
    os._exit(9)
"""
READER = """
    import os, sys
    from pathlib import Path
    from app.database import opening
    if os.geteuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    opened = opening.connect(Path(sys.argv[1]))
    print(opened.connection.execute("SELECT count(*) FROM t").fetchone()[0], opened.is_steady())
"""
ROOT = Path(__file__).parents[4]


class Writer:
    """Another program with the file open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, line: str) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def writer(path: Path) -> Generator[Writer]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "open\n"
        yield Writer(process)
        assert process.stdin
        process.stdin.close()


@pytest.fixture(params=["wal", "delete"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode = {request.param}")
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
    return path


def folder(path: Path) -> dict[str, tuple[int, int, int]]:
    return {
        each.name: (each.stat().st_ino, each.stat().st_size, each.stat().st_mtime_ns)
        for each in path.parent.iterdir()
    }


def locked(path: Path) -> bool:
    inodes = [each.stat().st_ino for each in path.parent.iterdir()]
    return any(f":{inode} " in LOCKS.read_text() for inode in inodes)


async def rows(ports: DatabasePorts) -> int:
    result = await answer(ports.run_sql("SELECT count(*) FROM t"))
    assert result.problem is None
    return int(str(result.rows[0][0]))


async def look_at_all(ports: DatabasePorts) -> None:
    for question in (ports.version(), ports.outline(), ports.health(), ports.check(), ports.statistics(True)):
        await answer(question)


async def test_nothing_is_left_and_no_lock_is_kept(path: Path) -> None:
    before = folder(path)
    ports = DatabasePorts(path, task_spawner())
    await look_at_all(ports)
    assert await rows(ports) == 10
    assert not locked(path)
    await ports.close()
    assert folder(path) == before


async def test_what_a_killed_writer_left_in_its_log_is_shown_and_stays(path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(CRASH), str(path)]
    await asyncio.to_thread(subprocess.run, command, check=False)
    before = folder(path)
    ports = DatabasePorts(path, task_spawner())
    await look_at_all(ports)
    assert await rows(ports) == 11
    await ports.close()
    assert folder(path) == before


def test_a_folder_and_files_that_one_may_only_read_are_read_with_their_log(path: Path) -> None:
    subprocess.run([sys.executable, "-c", textwrap.dedent(CRASH), str(path)], check=False)
    with TemporaryDirectory(dir="/tmp") as place:
        closed = Path(place) / "closed"
        closed.mkdir()
        for each in path.parent.iterdir():
            if not each.name.endswith("-shm"):  # which could not be made there
                shutil.copy(each, closed)
                (closed / each.name).chmod(0o444)
        closed.chmod(0o555)
        Path(place).chmod(0o755)
        before = folder(closed / path.name)
        command = [sys.executable, "-c", textwrap.dedent(READER), str(closed / path.name)]
        seen = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
        assert seen == "11 True\n"
        assert folder(closed / path.name) == before
        closed.chmod(0o755)


async def test_each_commit_of_a_writer_is_seen_and_it_cleans_up_behind_itself(path: Path) -> None:
    ports = DatabasePorts(path, task_spawner())
    assert await rows(ports) == 10
    version = await answer(ports.version())
    with writer(path) as other:
        for n in range(3):
            other.do(f"INSERT INTO t VALUES ({n})")
            assert await rows(ports) == 11 + n
        assert await answer(ports.version()) != version
        other.do("PRAGMA wal_checkpoint(TRUNCATE)")
        assert await rows(ports) == 13
        other.do("DELETE FROM t")
        assert await rows(ports) == 0
        other.do("close")
        assert await rows(ports) == 0
        assert sorted(folder(path)) == ["a.db"]
    await ports.close()


async def test_a_link_is_read_with_the_log_beside_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    ports = DatabasePorts(link, task_spawner())
    assert await rows(ports) == 10
    with writer(path) as other:
        version = await answer(ports.version())
        other.do("INSERT INTO t VALUES (1)")
        assert await rows(ports) == 11
        assert await answer(ports.version()) != version
    command = [sys.executable, "-c", textwrap.dedent(CRASH), str(path)]
    await asyncio.to_thread(subprocess.run, command, check=False)
    assert await rows(ports) == 12
    assert [each.name for each in link.parent.iterdir()] == ["link.db"]
    await ports.close()


async def test_a_change_of_the_way_it_is_written_leaves_no_log(path: Path) -> None:
    ports = DatabasePorts(path, task_spawner())
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        for mode in ("wal", "delete", "wal"):
            owner.execute(f"PRAGMA journal_mode = {mode}")
            owner.execute("INSERT INTO t VALUES (0)")
            await rows(ports)
            assert (await answer(ports.health())).journal_mode == mode
    await rows(ports)
    assert sorted(folder(path)) == ["a.db"]
    await ports.close()


def test_a_write_is_noticed_where_no_lock_keeps_it_away(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    opened = opening.connect(path)
    assert opened.is_steady()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO t VALUES (0)")
        assert not opened.is_steady()
    opened.close()


async def test_a_file_that_is_never_steady_is_said_to_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.database.connection import STEADY_TRIES, Reader, ReadOnlyDatabase

    tries: list[int] = []

    def work(_reader: Reader) -> None:
        tries.append(1)
        raise opening.Unsteady("written while it was read")

    database = ReadOnlyDatabase(path)
    with pytest.raises(DatabaseLocked, match="without a pause"):
        await database.run(work)
    await database.close()
    assert len(tries) == STEADY_TRIES + 1


def test_a_file_that_can_not_be_read_any_more_is_opened_anew(path: Path) -> None:
    opened = opening.connect(path)
    assert opened.is_current() is not opened.wal
    path.unlink()
    assert not opened.is_current()
    opened.close()


def test_the_watch_sees_writes_and_waits_for_the_end_of_a_change(path: Path) -> None:
    watch = FileWatch(path)
    old = time.time() - 60
    os.utime(path, (old, old))
    first = watch.version()
    assert watch.version() == first
    journal = Path(f"{path}-journal")
    journal.write_bytes(b"x")
    os.utime(journal, (old, old))
    os.utime(path, (old + 5, old + 5))
    assert watch.version() == first  # pages of a change that is not committed
    journal.unlink()
    assert watch.version() == first + 1
    path.unlink()
    with pytest.raises(DatabaseMissing):
        watch.version()


def test_locks_are_of_this_file_system(path: Path, tmp_path: Path) -> None:
    stat = path.stat()
    here = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}"
    there = f"{(os.major(stat.st_dev) + 1) % 256:02x}:{(os.minor(stat.st_dev) + 1) % 256:02x}"
    table = tmp_path / "locks"
    line = "1: POSIX  ADVISORY  WRITE {pid} {place}:{inode} 1073741826 1073742335\n"
    table.write_text(line.format(pid=1, place=there, inode=stat.st_ino))
    assert lock_holders(path, table) == ()
    table.write_text(line.format(pid=1, place=here, inode=stat.st_ino))
    assert [holder.lock for holder in lock_holders(path, table) or ()] == ["exclusive"]


def test_a_real_lock_is_found(path: Path) -> None:
    with writer(path) as other:
        other.do("BEGIN IMMEDIATE")
        other.do("INSERT INTO t VALUES (1)")
        assert any("writing" in holder.lock for holder in lock_holders(path) or ())
        other.do("ROLLBACK")
