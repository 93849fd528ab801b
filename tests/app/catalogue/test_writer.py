"""Turns of the writer: flows one after the other, bounded commits, large changes in steps."""

import asyncio
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.catalogue import batch_write
from app.catalogue import writer as writer_module
from app.catalogue.batch_write import MAX_ROWS, MIN_ROWS, in_steps, next_rows
from app.catalogue.catalogue import Catalogue
from app.catalogue.transaction import Transaction
from app.catalogue.writer import FLOW, Writer
from streams.model.base import utc_now
from streams.model.files import FileQuery
from streams.model.vocabulary import EventKind
from tests.app.catalogue.seeds import back_up, enrol, entry
from tests.servers import lay_blank


async def _opened(folder: Path, commits: list[int]) -> Writer:
    async def committed(transaction: Transaction) -> None:
        commits.append(transaction.jobs)

    lay_blank(folder)
    writer = Writer(folder / "catalogue.db", committed=committed, now=utc_now)
    await writer.open()
    return writer


def _queued(writer: Writer, flow: str, done: list[str], name: str) -> "asyncio.Task[Any]":
    context = copy_context()
    context.run(FLOW.set, flow)
    return asyncio.get_running_loop().create_task(writer.write(lambda _: done.append(name)), context=context)


async def test_a_long_queue_of_one_flow_does_not_hold_another_up(tmp_path: Path) -> None:
    writer = await _opened(tmp_path, [])
    done: list[str] = []
    many = [_queued(writer, "hog", done, f"hog {number}") for number in range(500)]
    await asyncio.sleep(0)
    one = _queued(writer, "other", done, "other")
    await asyncio.gather(*many, one)
    await writer.close()
    # Behind what had been taken in before it came and one of the queue, not behind all of it.
    assert done.index("other") <= writer_module.MAX_TOGETHER + 1
    assert [name for name in done if name != "other"] == [f"hog {number}" for number in range(500)]


async def test_a_commit_takes_no_more_in_once_its_time_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "GROUP_S", -1.0)
    commits: list[int] = []
    writer = await _opened(tmp_path, commits)
    done: list[str] = []
    await asyncio.gather(*(_queued(writer, "", done, str(number)) for number in range(5)))
    await writer.close()
    assert done == ["0", "1", "2", "3", "4"]
    assert commits == [1, 1, 1, 1, 1]


async def test_what_fails_in_a_shared_commit_fails_alone(tmp_path: Path) -> None:
    writer = await _opened(tmp_path, [])

    def fails(_: Transaction) -> None:
        raise ValueError("mine")

    first, second, third = await asyncio.gather(
        writer.write(lambda _: 1), writer.write(fails), writer.write(lambda _: 3), return_exceptions=True
    )
    await writer.close()
    assert (first, third) == (1, 3)
    assert isinstance(second, ValueError)


async def test_a_large_change_is_many_small_writes(catalogue: Catalogue) -> None:
    left = 2500
    asked: list[int] = []

    def step(transaction: Transaction, rows: int) -> int:
        nonlocal left
        asked.append(rows)
        transaction.run(text("UPDATE meta SET value = value WHERE name = 'epoch'"))
        taken = min(rows, left)
        left -= taken
        return taken

    assert await in_steps(catalogue.writer, step, flow="maintenance") == 2500
    assert max(asked) <= MAX_ROWS
    assert len(asked) > 2500 // MAX_ROWS
    assert FLOW.get() == ""


def test_the_step_follows_the_time_it_takes() -> None:
    assert next_rows(200, 0.0) == 400
    assert next_rows(1000, 0.0) == MAX_ROWS
    assert next_rows(800, 1.0) == 200
    assert next_rows(8, 9.0) == MIN_ROWS
    assert next_rows(200, 0.03) == 200


async def test_a_mistake_in_the_writer_costs_the_writes_at_hand_and_not_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await _opened(tmp_path, [])
    together = writer._together  # pyright: ignore[reportPrivateUsage]

    async def fails(_: Any) -> int:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(writer, "_together", fails)
    with pytest.raises(RuntimeError, match="a mistake"):
        await writer.write(lambda _: None)
    monkeypatch.setattr(writer, "_together", together)
    assert await writer.write(lambda _: "written") == "written"
    await writer.close()


async def test_very_many_files_are_deleted_in_small_writes(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is in every index of an order: what a thousand of them take would hold all others up."""
    client = await enrol(catalogue)
    await back_up(catalogue, client, *(entry(f"{number}", f"{number}") for number in range(100)))
    ids = [row.id for row in (await catalogue.files.page(FileQuery())).rows]
    monkeypatch.setattr(batch_write, "next_rows", lambda rows, _took: rows)
    for move, kind in (
        (catalogue.files.delete, EventKind.FILES_DELETED),
        (catalogue.files.undelete, EventKind.FILES_UNDELETED),
    ):
        before = (await catalogue.events.after(0))[-1].seq
        outcome = await move([*ids, ids[0], 10**6])
        assert sorted(outcome.done) == sorted(str(each) for each in ids)
        assert outcome.refused == {"1000000": "no such file"}
        moved = [event.files for event in await catalogue.events.after(before) if event.kind is kind]
        counts = [each.count for each in moved if each is not None]
        assert sum(counts) == 100
        assert max(counts) <= MIN_ROWS
