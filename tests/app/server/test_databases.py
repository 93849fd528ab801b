"""Databases that the server opens for consoles: which files, for whom, within which bounds."""

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.database import lanes
from app.database.wire import (
    LAST_PIECE,
    PIECE_HEAD,
    PROBLEM,
    DatabaseVersion,
    Typed,
    of_cell,
    to_cell,
)
from app.runtime.log_limits import LimitedLog
from app.server import databases
from streams.model.database import Blob, LongText, Masked, RawText
from streams.model.events import DatabaseFrame
from streams.model.vocabulary import Scope, Topic
from tests.app.bridge.databases import ENDLESS, made
from tests.servers import RunningServer, a_server, until


async def _code(server: RunningServer, path: str, **params: str) -> str:
    async with server.console.get("/api/database", params={"path": path, **params}) as response:
        body = msgspec.json.decode(await response.read())
        return str(body.get("code", "")) if response.status >= 400 else ""


def _rows(rows: int) -> str:
    return (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {rows}) SELECT i, 'x' FROM n"
    )


async def test_only_its_own_folder_and_named_files_are_served(tmp_path: Path) -> None:
    script = "CREATE TABLE t (a)"
    named = await asyncio.to_thread(made, tmp_path / "named.db", script)
    other = await asyncio.to_thread(made, tmp_path / "other.db", script)
    data = tmp_path / "data"
    async with a_server(data, databases=(named,)) as server:
        await asyncio.to_thread(made, data / "beside.db", script)
        await asyncio.to_thread((data / "store").mkdir, exist_ok=True)
        await asyncio.to_thread(made, data / "store" / "blob.db", script)
        await asyncio.to_thread((data / "catalogue-backups").mkdir, exist_ok=True)
        await asyncio.to_thread(made, data / "catalogue-backups" / "copy.db", script)
        await asyncio.to_thread(os.symlink, other, data / "link.db")
        await asyncio.to_thread(os.symlink, tmp_path, data / "folder")
        await asyncio.to_thread(os.symlink, "loop.db", data / "loop.db")
        served = ["", "catalogue.db", str(data / "catalogue.db"), "beside.db", "catalogue-backups/copy.db"]
        for path in (*served, str(named), str(tmp_path / "data" / ".." / "named.db")):
            assert await _code(server, path) == "", path
        refused = [str(other), "../other.db", "link.db", "folder/other.db", "store/blob.db", "/etc/passwd"]
        for path in (*refused, "/nowhere/at/all.db", "store/none.db", str(tmp_path), "loop.db"):
            assert await _code(server, path) == "database_not_served", path
        assert await _code(server, "none.db") == "database_missing"
        assert await _code(server, "console.token") == "not_a_database"
        assert await _code(server, "a\0b") == "bad_request"
        assert await _code(server, "a" * 5000) == "bad_request"
        assert await _code(server, "", id="not an id") == "bad_request"


async def test_no_secret_of_the_catalogue_is_given_out(running_server: RunningServer) -> None:
    found = await running_server.post("/api/database/sql", {"sql": "SELECT * FROM tokens"})
    assert found["problem"] is None
    assert found["masked"]
    assert running_server.token not in str(found)
    for sql in (
        "DELETE FROM clients",
        "ATTACH 'x.db' AS x",
        "PRAGMA journal_mode = DELETE",
        "CREATE TABLE x (a)",
    ):
        answer = await running_server.post("/api/database/sql", {"sql": sql})
        assert answer["problem"]["code"] == "read_only", sql


async def test_what_is_asked_is_bounded(running_server: RunningServer) -> None:
    for path, body in (
        ("page", {"table": "clients", "limit": 1_000_000}),
        ("page", {"table": "x" * 70_000}),
        ("page", {"table": "clients", "edge": {"key": [1] * 3000}}),
        ("value", {"table": "clients", "column": "id", "key": [1], "start_bytes": -1}),
        ("sql", {"sql": "x" * 1_000_001}),
        ("export", {"sql": "SELECT 1", "format": "exe"}),
    ):
        async with running_server.console.post(f"/api/database/{path}", json=body) as response:
            assert response.status == 400, (path, response.status)


async def test_a_question_ends_with_its_connection_and_with_its_id(running_server: RunningServer) -> None:
    room = running_server.room

    def asked() -> int:
        return len(room.databases._asked)

    url, body = "/api/database/sql", {"sql": ENDLESS, "id": "one"}
    asking = asyncio.ensure_future(running_server.console.post(url, json=body))
    await until(lambda: asked() == 1)
    asking.cancel()
    await until(lambda: asked() == 0)
    asking = asyncio.ensure_future(running_server.console.post(url, json=body))
    await until(lambda: asked() == 1)
    made = await room.catalogue.console_tokens.add("other", [Scope.LOOK], made_by="test")
    async with running_server.http(made.secret).delete("/api/database/questions/one") as response:
        assert await response.json() == {"stopped": False}  # another token's
    async with running_server.console.delete("/api/database/questions/one") as response:
        assert await response.json() == {"stopped": True}
    response = await asking
    assert (response.status, (await response.json())["code"]) == (409, "query_cancelled")
    # The reader is free again at once.
    assert (await running_server.post(url, {"sql": "SELECT 1"}))["rows"] == [[1]]
    asking = asyncio.ensure_future(running_server.http(made.secret).post(url, json=body))
    await until(lambda: asked() == 1)
    await room.catalogue.console_tokens.revoke(token_id=made.token.id)
    assert (await asking).status in (401, 409)


async def _pieces(server: RunningServer, sql: str) -> list[tuple[bytes, int, bytes]]:
    body = {"sql": sql, "format": "csv"}
    async with server.console.post("/api/database/export", json=body) as response:
        assert response.status == 200
        raw = await response.read()
    found = []
    while raw:
        kind, size, rows = PIECE_HEAD.unpack_from(raw)
        found.append((kind, rows, raw[PIECE_HEAD.size : PIECE_HEAD.size + size]))
        raw = raw[PIECE_HEAD.size + size :]
    return found


async def test_an_export_comes_in_pieces_is_told_whole_and_noted(running_server: RunningServer) -> None:
    found = await _pieces(running_server, _rows(200_000))
    assert len(found) > 3
    assert found[-1][:2] == (LAST_PIECE, 200_000)
    assert b"".join(data for _, _, data in found).count(b"\r\n") == 200_001
    notes = await running_server.room.catalogue.audit.after(0)
    assert any("database catalogue.db: WITH RECURSIVE" in str(line) for _, line in notes)


async def test_an_export_that_fails_on_its_way_says_so_in_its_last_piece(
    running_server: RunningServer,
) -> None:
    wrong = "abs(CASE WHEN i < 100000 THEN 1 ELSE -9223372036854775808 END)"
    found = await _pieces(running_server, _rows(200_000).replace("'x'", wrong))
    assert found[-1][0] == PROBLEM
    assert msgspec.json.decode(found[-1][2])["code"] == "query_failed"
    body = {"sql": "SELECT nothing", "format": "csv"}
    async with running_server.console.post("/api/database/export", json=body) as response:
        assert (response.status, (await response.json())["code"]) == (400, "query_failed")


async def test_an_export_that_nobody_takes_ends(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.export.STALL_S", 0.4)
    sql = _rows(10**9).replace("'x'", "hex(zeroblob(100000))")
    body = {"sql": sql, "format": "csv"}
    async with running_server.console.post("/api/database/export", json=body) as response:
        assert response.status == 200
        readers = next(iter(running_server.room.databases._readers.values()))
        await until(lambda: readers.answers._exports._database._job is None)


async def test_slow_statements_fill_no_log(
    running_server: RunningServer, written_logs: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SLOW_S", 0.0)
    monkeypatch.setattr(lanes, "limited", LimitedLog(lanes.log))
    for _ in range(5):
        await running_server.post("/api/database/sql", {"sql": "SELECT 'asked again'"})
    assert written_logs.getvalue().count("asked again") == 1
    health = await running_server.get("/api/database/health")
    assert sum("asked again" in query["sql"] for query in health["slow"]) == 5


async def test_commits_are_told_by_the_event_socket(running_server: RunningServer) -> None:
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.DATABASE)
        first = await running_server.get("/api/database/version", DatabaseVersion)
        await running_server.enrol("alpha")
        frame = await console.until(
            lambda frame: isinstance(frame, DatabaseFrame) and (frame.version or 0) > first.version
        )
        assert isinstance(frame, DatabaseFrame)
        assert frame.path == str(running_server.info.database_path.resolve())


async def test_names_of_no_file_take_no_watch_from_others(running_server: RunningServer) -> None:
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.DATABASE)
        first = await running_server.get("/api/database/version", DatabaseVersion)
        for number in range(databases.MAX_WATCHED + 1):
            url = f"/api/database/version?path=none{number}.db"
            async with running_server.console.get(url) as response:
                assert (await response.json())["code"] == "database_missing"
        await running_server.enrol("alpha")
        await console.until(
            lambda frame: isinstance(frame, DatabaseFrame) and (frame.version or 0) > first.version
        )


async def test_who_looks_at_a_file_that_is_watched_no_more_is_told_to_read_again(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "MAX_WATCHED", 1)
    await asyncio.to_thread(
        made, running_server.info.database_path.parent / "beside.db", "CREATE TABLE t (a)"
    )
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.DATABASE)
        await running_server.get("/api/database/version")
        await running_server.get("/api/database/version?path=beside.db")
        frame = await console.until(lambda frame: isinstance(frame, DatabaseFrame) and frame.version is None)
        assert isinstance(frame, DatabaseFrame)
        assert frame.path == str(running_server.info.database_path.resolve())


async def test_one_token_leaves_readers_to_others(running_server: RunningServer) -> None:
    room = running_server.room
    names = [f"none{number}.db" for number in range(databases.MAX_READERS + 1)]
    stolen = await room.catalogue.console_tokens.add("stolen", [Scope.LOOK], made_by="test")
    http = running_server.http(stolen.secret)
    data = running_server.info.database_path.parent
    for name in names:
        await asyncio.to_thread(made, data / name, "CREATE TABLE t (a)")
    asked = [
        asyncio.ensure_future(http.post("/api/database/sql", json={"sql": ENDLESS, "path": name}))
        for name in names[: databases.MAX_READERS_OF_TOKEN]
    ]
    await until(lambda: len(room.databases._asked) == databases.MAX_READERS_OF_TOKEN)
    async with http.get("/api/database/health", params={"path": names[-1]}) as response:
        assert (response.status, (await response.json())["code"]) == (503, "busy")
    async with running_server.console.get("/api/database/health") as response:
        assert response.status == 200
    for each in asked:
        each.cancel()
    await until(lambda: not room.databases._asked)
    for name in names:
        async with http.get("/api/database/health", params={"path": name}) as response:
            assert response.status == 200
    mine = [token_id for token_id, _ in room.databases._readers if token_id == stolen.token.id]
    assert len(mine) == databases.MAX_READERS_OF_TOKEN


async def test_readers_are_few_and_idle_ones_are_closed(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "MAX_READERS", 2)
    room = running_server.room
    tokens = [
        await room.catalogue.console_tokens.add(f"t{n}", [Scope.LOOK], made_by="test") for n in range(4)
    ]
    for token in tokens:
        async with running_server.http(token.secret).get("/api/database/health") as response:
            assert response.status == 200
    assert len(room.databases._readers) == 2
    busy = [
        asyncio.ensure_future(
            running_server.http(token.secret).post("/api/database/sql", json={"sql": ENDLESS})
        )
        for token in tokens[:2]
    ]
    await until(lambda: len(room.databases._asked) == 2)
    async with running_server.http(tokens[2].secret).get("/api/database/health") as response:
        assert (response.status, (await response.json())["code"]) == (503, "busy")
    for each in busy:
        each.cancel()
    await until(lambda: not room.databases._asked)
    monkeypatch.setattr(databases, "IDLE_S", -1.0)
    await until(lambda: not room.databases._readers)


async def test_the_catalogue_is_written_while_it_is_read(running_server: RunningServer) -> None:
    body = {"sql": _rows(10**9), "format": "csv"}
    async with running_server.console.post("/api/database/export", json=body) as response:
        assert response.status == 200
        await running_server.enrol("beta")
        found = await running_server.post("/api/database/sql", {"sql": "SELECT name FROM clients"})
        assert ["beta"] in found["rows"]


@pytest.mark.parametrize(
    "value",
    [
        None, 0, -(2**63), 1.5, float("inf"), float("-inf"), "", "a\0b\u2028", b"", b"\xff\x00",
        RawText(b"\xff", "utf-8"), LongText("head", 10_000), LongText("head"), Blob(99, b"\x01"), Masked(),
    ],
)  # fmt: skip
def test_a_value_comes_as_it_went(value: Any) -> None:
    raw = msgspec.json.encode(to_cell(value))
    back = of_cell(msgspec.json.decode(raw, type=int | float | str | Typed | None))
    assert (type(back), back) == (type(value), value)
