"""The owner of background tasks, and a cancellation that must not be lost."""

import asyncio

import pytest

from app import tasks as owner
from app.tasks import Tasks, end_if_cancelled


async def test_closing_ends_also_a_task_that_missed_its_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "STUBBORN_S", 0.01)
    tasks, missed = Tasks(), asyncio.Event()

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if missed.is_set():
                    raise
                missed.set()

    task = tasks.start(stubborn(), "stubborn")
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.close()
    assert task.cancelled() and missed.is_set() and len(tasks) == 0
    with pytest.raises(RuntimeError, match="closed"):
        tasks.start(stubborn(), "late")


async def test_a_cancellation_that_a_failure_has_hidden_is_raised_again() -> None:
    async def tries_again() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                end_if_cancelled()

    end_if_cancelled()
    task = asyncio.create_task(tries_again())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait({task})
    assert task.cancelled()
