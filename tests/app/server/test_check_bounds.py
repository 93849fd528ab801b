"""A check of very much: large sums, many findings, and a server that runs meanwhile."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.__main__ import main
from app.catalogue.consistency import opened
from app.catalogue.totals import MAX_TOTAL, exact_sum
from app.server import check as checks
from app.server.check import check
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from app.server.repair import repair
from app.store.errors import Damaged
from app.store.layout import Layout
from app.store.maintenance import read_through
from tests.servers import a_server, sha256_of

FILES = {f"/{number}": b"%d" % number * 3000 for number in range(6)}
FIRST = sha256_of(FILES["/0"])


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    async with a_server(folder) as server:
        await (await server.enrol("alpha")).back_up(FILES)
    return folder


def run_sql(data: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data / CATALOGUE_FILE)) as database, database:
        for statement in statements:
            database.execute(statement)


def checked(
    data: Path, *, read: bool = False, progress: Callable[[str], None] = lambda _: None
) -> checks.Report:
    return check(data / CATALOGUE_FILE, data / STORE_FOLDER, read=read, progress=progress)


def blob(data: Path, sha256: str) -> Path:
    return Layout(data / STORE_FOLDER).blob(sha256)


def cut(data: Path, content: bytes) -> None:
    path = blob(data, sha256_of(content))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("size", [2**53 + 1, 2**60 - 1, 2**62])
def test_sums_that_no_number_of_the_database_holds_are_counted(data: Path, size: int) -> None:
    """An agent can name as many files of the largest size as it likes."""
    run_sql(data, f"UPDATE files SET size_bytes = {size}", f"UPDATE blobs SET size_bytes = {size}")
    report = checked(data)
    assert {problem.kind for problem in report.problems} == {"client"}
    repair(data / CATALOGUE_FILE, data / STORE_FOLDER, report)
    assert checked(data).problems == []
    with opened(data / CATALOGUE_FILE) as database:
        counted = database.execute("SELECT stored_bytes, held_bytes, file_count FROM clients").fetchone()
    assert counted == (min(MAX_TOTAL, size * 6), min(MAX_TOTAL, size * 6), 6)


def test_a_sum_of_what_the_store_takes_does_not_fail(data: Path) -> None:
    run_sql(data, f"UPDATE blobs SET stored_bytes = {2**62}")
    report = checked(data)
    assert {problem.kind for problem in report.problems} == {"totals", "size"}
    assert f"{MAX_TOTAL:,}" in str(report.problems)


def test_an_exact_sum_is_exact() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (n INTEGER)")
        assert database.execute(f"SELECT {exact_sum('n')} FROM t").fetchone() == (0,)
        for numbers in ([0], [2**31 - 1, 1], [2**53, 1, 1], [MAX_TOTAL - 1], [MAX_TOTAL, 1], [2**61] * 9):
            database.execute("DELETE FROM t")
            database.executemany("INSERT INTO t VALUES (?)", [(number,) for number in numbers])
            assert database.execute(f"SELECT {exact_sum('n')} FROM t").fetchone() == (
                min(MAX_TOTAL, sum(numbers)),
            )


async def test_a_client_that_is_being_removed_is_not_miscounted(data: Path) -> None:
    async with a_server(data) as server:
        (client,) = (await server.room.catalogue.clients.all())[2]
        await server.room.catalogue.removal.remove(client.id)
        assert (await asyncio.to_thread(checked, data)).problems == []


def test_reading_the_store_holds_no_moment_of_the_catalogue(data: Path) -> None:
    """The log of a server that runs meanwhile could not be taken into its file, and would grow."""
    taken: list[tuple[int, int, int]] = []

    def another_writes(_: str) -> None:
        with closing(sqlite3.connect(data / CATALOGUE_FILE, timeout=0)) as database:
            with database:
                database.execute("UPDATE clients SET platform = platform || 'x'")
            taken.append(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())

    assert checked(data, read=True, progress=another_writes).problems == []
    assert len(taken) == 8 and set(taken) == {(0, 0, 0)}


def _set_aside(data: Path) -> None:
    run_sql(data, f"UPDATE blobs SET damaged = 1 WHERE sha256 = x'{FIRST}'")
    blob(data, FIRST).replace(Layout(data / STORE_FOLDER).damaged(FIRST))


def _forget(data: Path) -> None:
    run_sql(
        data,
        "DELETE FROM file_versions",
        "DELETE FROM client_contents",
        f"DELETE FROM blobs WHERE sha256 = x'{FIRST}'",
    )
    blob(data, FIRST).unlink()


def _send_again(data: Path) -> None:
    content = blob(data, FIRST).read_bytes()
    blob(data, FIRST).unlink()
    blob(data, FIRST).write_bytes(content)


@pytest.mark.parametrize("change", [_set_aside, _forget, _send_again])
def test_what_a_server_does_with_a_content_that_is_being_read_is_no_damage(
    data: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    changed = False

    def read(layout: Layout, sha256: str) -> None:
        nonlocal changed
        if sha256 == FIRST and not changed:
            changed = True
            change(data)
            raise Damaged(sha256)
        read_through(layout, sha256)

    monkeypatch.setattr(checks, "read_through", read)
    report = checked(data, read=True)
    assert changed
    assert report.problems == []


@pytest.mark.parametrize("read", [False, True])
def test_many_findings_are_counted_not_kept_and_repaired_in_turns(
    data: Path, monkeypatch: pytest.MonkeyPatch, *, read: bool
) -> None:
    monkeypatch.setattr(checks, "MAX_KEPT", 4)
    monkeypatch.setattr(checks, "MAX_FINDINGS", 2)
    for content in FILES.values():
        cut(data, content)
    report = checked(data, read=read)
    assert (len(report.resized), len(report.resized.first), len(report.damaged)) == (6, 4, 6 if read else 0)
    told = [problem for problem in report.problems if problem.kind == "size"]
    assert [problem.count for problem in told] == [1, 1, 4] and told[-1].text == "and 4 more"
    assert report.wrong == (12 if read else 6)
    command = ["server", "repair", "--data", str(data), "--yes", *(["--read"] if read else [])]
    assert main(command) == 1
    assert main(command) == 0
    assert checked(data, read=True).problems == []
