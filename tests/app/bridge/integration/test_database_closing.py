"""The processes that read a database end with who has started them, whenever the closing is cut off."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from app.database.answers import DatabaseAnswers
from streams.model.database import PageQuery
from streams.model.failures import DatabaseMissing


@pytest.fixture
async def answers(tmp_path: Path) -> DatabaseAnswers:
    """Answers of a small database, with three processes at work."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE t (a)")
    answers = DatabaseAnswers(tmp_path / "a.db")
    await answers.page(PageQuery(table="t"))
    await answers.run_sql("SELECT 1")
    assert await answers.count("t", None) == 0
    return answers


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
async def test_a_closing_that_is_cut_off_ends_all_processes(answers: DatabaseAnswers, steps: int) -> None:
    readers = psutil.Process().children()
    assert len(readers) >= 3
    first = asyncio.ensure_future(answers.close())
    await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    await answers.close()
    assert not [each for each in readers if each.is_running()]


async def test_nothing_is_asked_of_a_closed_database(answers: DatabaseAnswers) -> None:
    await asyncio.gather(answers.close(), answers.close())
    with pytest.raises(DatabaseMissing, match="not open"):
        await answers.page(PageQuery(table="t"))
