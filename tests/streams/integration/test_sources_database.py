"""The database's streams over a real file: what others write is noticed, what hides costs nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from reactivex import Observable

from app.bridge.database.ports import DatabasePorts
from streams.core.schedulers import LoopScheduler
from streams.model.database import Outline, PageQuery
from streams.model.failures import DatabaseNotConfigured
from streams.model.snapshot import Snapshot
from streams.model.statements import SqlResult
from streams.sources.database import DatabaseStreams, NoDatabase
from tests.servers import until
from tests.ui.real_database import database_of


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


class Watch:
    """Keeps what a stream says."""

    def __init__(self, stream: Observable[Snapshot[Any]]) -> None:
        self.seen: list[Snapshot[Any]] = []
        self.subscription = stream.subscribe(self.seen.append)

    @property
    def value(self) -> Any:
        return self.seen[-1].value if self.seen else None


Made = tuple[DatabaseStreams, DatabasePorts, Path]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    path = tmp_path / "live.db"
    write(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)")
    errors: list[BaseException] = []
    streams, ports = database_of(path, LoopScheduler(asyncio.get_running_loop(), errors.append))
    yield streams, ports, path
    await ports.close()
    assert errors == []


async def test_outline_page_and_pinned_statement_follow_a_commit(made: Made) -> None:
    streams, _, path = made
    outline, page = Watch(streams.outline), Watch(streams.page(PageQuery(table="t")))
    run = streams.run("SELECT sum(a) FROM t", True)
    pinned = Watch(run.stream)
    await until(lambda: all(watch.value is not None for watch in (outline, page, pinned)))
    assert page.value.rows == ((1,),)
    write(path, "INSERT INTO t VALUES (41)")
    await until(lambda: page.value.rows == ((1,), (41,)) and pinned.value.rows == ((42,),))
    value: Outline = outline.value
    await until(lambda: outline.value.tables[0].rows == 2)
    assert value.path == str(path)
    for watch in (outline, page, pinned):
        watch.subscription.dispose()
    run.close()


async def test_a_statement_that_is_not_pinned_runs_once_and_goes_on_unseen(made: Made) -> None:
    streams, _, path = made
    run = streams.run("SELECT count(*) FROM t", False)
    watch = Watch(run.stream)
    watch.subscription.dispose()
    seen = Watch(run.stream)
    await until(lambda: seen.value is not None)
    result: SqlResult = seen.value
    assert result.rows == ((1,),)
    write(path, "INSERT INTO t VALUES (2)")
    other = Watch(streams.page(PageQuery(table="t")))
    await until(lambda: other.value is not None)
    assert seen.value is result
    run.close()
    for subscription in (seen.subscription, other.subscription):
        subscription.dispose()


async def test_a_vanished_file_keeps_its_last_outline_and_comes_back(made: Made) -> None:
    streams, _, path = made
    outline = Watch(streams.outline)
    await until(lambda: outline.value is not None)
    moved = path.with_name("moved.db")
    path.rename(moved)
    await until(lambda: outline.seen[-1].failure is not None)
    failure = outline.seen[-1].failure
    assert failure is not None
    assert failure.code == "database_missing"
    assert outline.value.tables[0].name == "t"
    moved.rename(path)
    await until(lambda: outline.seen[-1].failure is None)
    outline.subscription.dispose()


async def test_without_a_database_every_question_says_so() -> None:
    for question in ("outline", "version", "health"):
        with pytest.raises(DatabaseNotConfigured):
            await getattr(NoDatabase(), question)()
