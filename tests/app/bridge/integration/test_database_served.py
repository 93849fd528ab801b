"""The port of the database twice over one file: opened by this machine, and by a server that is asked."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from reactivex import Observable

from streams.model.database import (
    AnswerQuery,
    Blob,
    CellQuery,
    ColumnFilter,
    Direction,
    FilterKind,
    LongText,
    Masked,
    PageQuery,
)
from streams.model.failures import (
    CommandFailed,
    DatabaseMissing,
    DatabaseNotServed,
    ServerRefused,
    ServerTooOld,
    TidewatchError,
)
from streams.model.statements import ExportFormat, ExportProgress
from tests.app.bridge.databases import ENDLESS, HASH, answer
from tests.app.bridge.served_database import Either, from_elsewhere, make_in, served_database
from tests.app.bridge.support import Served, connected, serving
from tests.servers import until


def _write(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


async def _all(stream: Observable[Any]) -> list[Any]:
    ended: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    seen: list[Any] = []
    stream.subscribe(seen.append, ended.set_exception, lambda: ended.set_result(seen))
    return await ended


async def test_both_answer_alike(either: Either) -> None:
    ports = either.ports
    outline = await answer(ports.outline())
    assert Path(outline.path) == either.path
    assert {table.name for table in outline.tables} >= {"clients", "tokens", "words", "names", "pairs"}
    page = await answer(ports.page(PageQuery(table="clients", sort="name")))
    assert (page.columns, len(page.rows)) == (("id", "name", "note", "raw"), 100)
    assert isinstance(page.rows[99][2], LongText)
    assert page.rows[99][3] == Blob(200, b"\x00\x01" * 8)
    following = PageQuery(table="clients", sort="name", edge=page.last, direction=Direction.AFTER)
    assert (await answer(ports.page(following))).rows[0][0] == 101
    found = ColumnFilter(column="name", kind=FilterKind.EQUALS, text="client 007")
    assert (await answer(ports.page(PageQuery(table="clients", filter=found)))).rows[0][0] == 7
    assert await answer(ports.count("clients", found)) == 1
    assert await answer(ports.count("clients", None)) == 250
    cell = CellQuery(table="clients", column="raw", key=page.keys[99])
    assert (await answer(ports.whole_value(cell))).value == b"\x00\x01" * 100
    sql = "SELECT note, 1e999, -1e999, 1.0, x'ff', CAST(x'ff' AS TEXT), NULL FROM clients WHERE id = 100"
    result = await answer(ports.run_sql(sql))
    assert repr(result.rows[0][1:4]) == "(inf, -inf, 1.0)"
    assert (result.sql, result.rows[0][6], result.problem) == (sql, None, None)
    whole = await answer(ports.whole_value(AnswerQuery(sql=sql, row=0, column=0)))
    assert (whole.value, whole.size_bytes) == ("x" * 300, 300)
    assert (await answer(ports.plan("SELECT * FROM clients"))).steps
    assert {part.table for part in (await answer(ports.statistics(True))).parts} >= {"clients"}
    assert (await answer(ports.health())).page_bytes > 0
    assert (await answer(ports.check())).problems == ()


async def test_both_hide_and_refuse_alike(either: Either) -> None:
    ports = either.ports
    page = await answer(ports.page(PageQuery(table="tokens")))
    assert page.rows == ((Masked(), 1, Masked(), Masked()),)
    result = await answer(ports.run_sql("SELECT max(hash), hex(token_hash) FROM tokens"))
    assert HASH[:10] not in repr(result).lower()
    assert len(result.masked) == 2
    wrong = await answer(ports.run_sql("SELECT\n  nothing FROM clients"))
    assert wrong.problem is not None
    assert (wrong.problem.code, wrong.problem.line) == ("query_failed", 2)
    refused = await answer(ports.run_sql("DELETE FROM clients"))
    assert refused.problem is not None
    assert refused.problem.code == "read_only"
    with pytest.raises(CommandFailed, match="no table nowhere") as failure:
        await answer(ports.page(PageQuery(table="nowhere")))
    assert failure.value.server_code == "not_found"


async def test_both_notice_what_others_write_and_what_is_gone(either: Either) -> None:
    first = await answer(either.ports.version())
    await asyncio.to_thread(_write, either.path, "INSERT INTO pairs VALUES ('a', 1)")

    async def other() -> bool:
        return await answer(either.ports.version()) != first

    await until(other)
    assert await answer(either.ports.count("pairs", None)) == 1
    await asyncio.to_thread(either.path.unlink)

    async def gone() -> bool:
        try:
            await answer(either.ports.version())
        except DatabaseMissing:
            return True
        return False

    await until(gone)
    with pytest.raises(DatabaseMissing):
        await answer(either.ports.outline())


@pytest.mark.parametrize("kind", list(ExportFormat))
async def test_both_export_alike(either: Either, tmp_path: Path, kind: ExportFormat) -> None:
    target = tmp_path / "out.file"
    sql = "SELECT a.id, b.name, b.note, b.raw, '=1+1' FROM clients a, clients b WHERE a.id < 40"
    told = await _all(either.ports.export(sql, kind, target))
    assert (told[-1].path, told[-1].rows) == (str(target), 39 * 250)
    content = await asyncio.to_thread(target.read_bytes)
    assert told[-1].size_bytes == len(content)
    assert content.count(b"client 007") == 39
    assert content.endswith(b"\n")
    with pytest.raises(CommandFailed, match="already exists"):
        await _all(either.ports.export(sql, kind, target))
    with pytest.raises(CommandFailed, match="No such column"):
        await _all(either.ports.export("SELECT unknown FROM clients", kind, tmp_path / "no.file"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["out.file"]


async def test_both_leave_nothing_of_an_export_that_is_taken_back(either: Either, tmp_path: Path) -> None:
    seen: list[ExportProgress] = []
    endless = ENDLESS.replace("count(*)", "i, hex(zeroblob(1000))")
    going = either.ports.export(endless, ExportFormat.CSV, tmp_path / "out.csv").subscribe(seen.append)
    await until(lambda: seen and seen[-1].size_bytes > 0)
    going.dispose()
    await until(lambda: not [path for path in tmp_path.iterdir() if path.is_file()])


async def test_disposing_a_question_stops_it_at_the_server(tmp_path: Path) -> None:
    path = await asyncio.to_thread(make_in, tmp_path / "data")
    async with served_database(path) as served:
        databases = served.server.room.databases
        asking = served.ports.run_sql(ENDLESS).subscribe(lambda _: None)
        await until(lambda: any(not key[1].startswith("#") for key in databases._asked))
        asking.dispose()
        await until(lambda: not databases._asked)
        assert (await answer(served.ports.run_sql("SELECT 1"))).rows == ((1,),)


async def test_the_view_is_told_who_reads_and_learns_of_changes_by_the_event_socket(tmp_path: Path) -> None:
    path = await asyncio.to_thread(make_in, tmp_path / "data")
    async with served_database(path) as served:
        info = served.server.info
        assert (await answer(served.ports.outline())).read_by == f"{info.host}:{info.port}"
        assert served.console.bridge.database_place.endswith(f"read by the server {info.host}:{info.port}")
        versions = served.ports._versions

        async def flows() -> bool:
            await answer(served.ports.version())
            return versions._flows and versions._version is not None

        await until(flows)
        known, asked = versions._version, served.console.bridge.http.requests
        await asyncio.to_thread(_write, path, "INSERT INTO pairs VALUES ('b', 2)")
        await until(lambda: versions._version not in (None, known))
        assert await answer(served.ports.version()) == versions._version
        assert served.console.bridge.http.requests == asked


async def test_a_server_that_is_gone_is_said_and_its_return_noticed(tmp_path: Path) -> None:
    path = await asyncio.to_thread(make_in, tmp_path / "data")
    async with served_database(path) as served:
        address = served.console.bridge.http.address
        served.console.bridge.http.address = type(address)(address.host, 1, 2, False)
        with pytest.raises(ServerRefused):
            await answer(served.ports.outline())
        served.console.bridge.http.address = address
        assert (await answer(served.ports.outline())).tables


# -- at the start


async def _failure(served: Served, path: str) -> TidewatchError:
    with pytest.raises(TidewatchError) as failure:
        async with connected(from_elsewhere(served, path)):
            pass
    assert "\n" not in failure.value.line()
    return failure.value


async def test_a_file_that_the_server_does_not_serve_is_one_line(served: Served) -> None:
    failure = await _failure(served, "/etc/nothing.db")
    assert (type(failure), failure.exit_code) == (DatabaseNotServed, 15)
    assert "/etc/nothing.db: not on this machine; the server" in failure.message
    assert "does not serve" in failure.message
    failure = await _failure(served, "none.db")
    assert type(failure) is DatabaseMissing
    assert "no such file" in failure.message


async def test_an_older_server_is_one_line(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object) -> web.Response:
        raise web.HTTPNotFound

    monkeypatch.setattr("app.server.databases.Databases.served", unknown)
    failure = await _failure(served, "/srv/tidewatch/catalogue.db")
    assert (type(failure), failure.exit_code) == (ServerTooOld, 15)
    assert "too old to read it for a console" in failure.message


async def test_a_file_of_this_machine_is_read_on_this_machine(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as served, connected(served.connection) as console:
        assert console.bridge.database is not None
        assert console.bridge.database_place.endswith("read on this machine")
        assert (await answer(console.bridge.database_ports.outline())).read_by == ""  # type: ignore[union-attr]
