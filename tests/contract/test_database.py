"""The database: the made-up one of the view's tests keeps what a real file keeps."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reactivex import Observable

from streams.core.schedulers import LoopScheduler
from streams.model.base import utc_now
from streams.model.database import Direction, Outline, PageQuery, TablePage
from streams.model.snapshot import Snapshot
from streams.model.statements import SqlResult
from streams.model.vocabulary import Health
from streams.sources.database import DatabaseStreams
from tests.app.bridge.served_database import served_database
from tests.servers import until
from tests.ui.fake_database import FakeDatabase
from tests.ui.real_database import database_of

ROWS = 250


@dataclass
class Asked:
    """What the view is given, a table with more than a page of rows, and what lets a statement answer."""

    streams: DatabaseStreams
    table: str
    answer: Callable[[], None]


@pytest.fixture(
    params=[
        "made up",
        pytest.param("real", marks=pytest.mark.integration),
        pytest.param("served", marks=pytest.mark.integration),
    ]
)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Asked]:
    if request.param == "made up":
        fake = FakeDatabase(utc_now)
        fake.fill()

        def answer() -> None:
            fake.runs[-1].stream.on_next(
                fake.ok(SqlResult(sql=fake.runs[-1].sql, columns=("n",), rows=((1,),)))
            )

        yield Asked(fake.streams, "clients", answer)
        return
    path = tmp_path / "data" / "some.db"
    await asyncio.to_thread(path.parent.mkdir)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO clients VALUES (?, ?)", [(n, f"client {n}") for n in range(ROWS)])
    if request.param == "served":
        async with served_database(path) as served:
            yield Asked(served.streams, "clients", lambda: None)
        return
    errors: list[BaseException] = []
    streams, ports = database_of(path, LoopScheduler(asyncio.get_running_loop(), errors.append))
    yield Asked(streams, "clients", lambda: None)
    await ports.close()
    assert errors == []


async def _good(stream: Observable[Snapshot[Any]]) -> Any:
    """Return the first good value of a stream that has said something at once."""
    seen: list[Snapshot[Any]] = []
    looking = stream.subscribe(seen.append)
    assert isinstance(seen[0], Snapshot)
    await until(lambda: seen[-1].health is Health.OK)
    assert seen[-1].at is not None
    looking.dispose()
    return seen[-1].value


async def _one(stream: Observable[Any]) -> Any:
    """Return the only answer of a stream that ends after it."""
    seen: list[Any] = []
    ended: list[bool] = []
    stream.subscribe(seen.append, on_completed=lambda: ended.append(True))
    await until(lambda: ended)
    assert len(seen) == 1
    return seen[0]


async def test_what_is_followed_says_something_at_once_and_then_its_value(database: Asked) -> None:
    outline: Outline = await _good(database.streams.outline)
    assert database.table in {table.name for table in outline.tables}
    assert (await _good(database.streams.health)).page_bytes > 0
    statistics = await _good(database.streams.statistics)
    assert {part.table for part in statistics.parts} >= {database.table}


async def test_a_page_is_a_part_of_a_table_with_its_edges_and_the_next_follows_it(database: Asked) -> None:
    query = PageQuery(table=database.table)
    first: TablePage = await _good(database.streams.page(query))
    assert len(first.rows) == len(first.keys) == query.limit
    assert all(len(row) == len(first.columns) for row in first.rows)
    assert (first.has_before, first.has_after) == (False, True)
    assert first.last is not None
    following: TablePage = await _good(
        database.streams.page(PageQuery(table=database.table, edge=first.last, direction=Direction.AFTER))
    )
    assert following.has_before
    assert not {*first.keys} & {*following.keys}


async def test_what_is_asked_once_is_answered_once(database: Asked) -> None:
    assert await _one(database.streams.count(database.table, None)) > 0
    sql = f"SELECT * FROM {database.table}"
    plan = await _one(database.streams.plan(sql))
    assert (plan.sql, bool(plan.steps)) == (sql, True)
    assert (await _one(database.streams.measure())).page_bytes > 0
    assert (await _one(database.streams.check())).took_s >= 0


@pytest.mark.parametrize("pinned", [False, True])
async def test_a_statement_is_loading_until_it_is_answered_and_can_be_closed_twice(
    database: Asked, pinned: bool
) -> None:
    run = database.streams.run("SELECT 1 AS n", pinned)
    seen: list[Snapshot[SqlResult]] = []
    looking = run.stream.subscribe(seen.append)
    assert seen[0].health is Health.LOADING
    database.answer()
    await until(lambda: seen[-1].health is Health.OK)
    result = seen[-1].value
    assert result is not None
    assert (result.columns, result.rows) == (("n",), ((1,),))
    looking.dispose()
    run.close()
    run.close()
