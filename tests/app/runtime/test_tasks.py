"""The owner of background tasks, and a cancellation that must not be lost."""

import asyncio

import pytest
from structlog.testing import capture_logs

from app.runtime import tasks as owner
from app.runtime.tasks import Pauses, Tasks, end_if_cancelled
from streams.model.failures import TidewatchError


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


async def test_kept_work_is_taken_up_again_after_any_failure() -> None:
    tasks, tries, done = Tasks(), 0, asyncio.Event()
    failures = (
        TidewatchError("the disk fails."),
        OSError(5, "EIO"),
        ValueError("a bug"),
        asyncio.CancelledError(),
        ExceptionGroup("some", [ValueError("another")]),
    )

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries <= len(failures):
            raise failures[tries - 1]
        done.set()

    with capture_logs() as said:
        task = tasks.keep(work, "work", pauses=Pauses(0.001, 0.002))
        async with asyncio.timeout(5):
            await task
    assert done.is_set() and tries == len(failures) + 1
    lines = [line for line in said if line["event"] == "work_failed"]
    assert [line["work"] for line in lines] == ["work"] * len(failures)
    assert ["exc_info" in line for line in lines] == [False, False, True, True, True]
    assert said[-1]["event"] == "work_done_after_failures"
    await tasks.close()


async def test_the_same_failure_again_and_again_is_told_once() -> None:
    tasks, tries = Tasks(), 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries < 20:
            raise TidewatchError("the disk fails.")

    with capture_logs() as said:
        async with asyncio.timeout(5):
            await tasks.keep(work, "work", pauses=Pauses(0.0, 60.0))
    assert sum(line["log_level"] == "warning" for line in said) == 1
    await tasks.close()


async def test_kept_work_of_one_name_never_runs_twice_at_once_and_ends_with_its_owner() -> None:
    tasks, running = Tasks(), 0

    async def endless() -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    first = tasks.keep(endless, "endless")
    await asyncio.sleep(0)
    assert tasks.keep(endless, "endless") is first
    await asyncio.sleep(0)
    assert running == 1
    first.cancel()
    await asyncio.wait({first})
    assert tasks.keep(endless, "endless") is not first
    await asyncio.sleep(0)
    assert running == 1
    await tasks.close()
    assert running == 0 and len(tasks) == 0


def test_pauses_grow_to_the_longest() -> None:
    pauses = Pauses(1.0, 10.0)
    assert [pauses.after(failures) for failures in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]
