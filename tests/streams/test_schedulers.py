"""The schedulers, on real loops and in virtual time, from one thread and from several."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.scheduler import TimeoutScheduler

from streams.core.schedulers import (
    HiddenTimer,
    JobScheduler,
    LoopScheduler,
    OnError,
    RunTaskScheduler,
    redirect_default_timers,
)
from streams.testing.virtual_loop import run_virtual

Make = Callable[[OnError], JobScheduler]


def _over_loop(on_error: OnError) -> JobScheduler:
    return LoopScheduler(asyncio.get_running_loop(), on_error)


def _over_run_task(on_error: OnError) -> JobScheduler:
    loop = asyncio.get_running_loop()

    def run_task(handler: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(handler(*args), loop)

    return RunTaskScheduler(run_task, on_error, clock=loop.time)


both = pytest.mark.parametrize("make", [_over_loop, _over_run_task])


async def _until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  (a condition with a deadline; nothing tells us)
            await asyncio.sleep(0.001)


def _virtual(main: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await main()

    return run_virtual(run())


@both
def test_order_and_delays_are_exact(make: Make) -> None:
    ran: list[tuple[str, float]] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        loop = asyncio.get_running_loop()

        def note(_: Any, name: Any) -> None:
            ran.append((name, round(loop.time(), 3)))

        scheduler.schedule_relative(0.020, note, "later")
        scheduler.schedule_relative(timedelta(milliseconds=5), note, "soon")
        scheduler.schedule_absolute(scheduler.now + timedelta(milliseconds=7), note, "then")
        scheduler.schedule_relative(-1.0, note, "at once")
        scheduler.schedule(note, "next")
        await asyncio.sleep(1)

    _virtual(main)
    assert ran == [("at once", 0), ("next", 0), ("soon", 0.005), ("then", 0.007), ("later", 0.020)]


@both
def test_disposed_before_it_runs_means_never(make: Make) -> None:
    ran: list[str] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        scheduler.schedule(lambda *_: ran.append("now")).dispose()  # pyright: ignore
        scheduler.schedule_relative(0.001, lambda *_: ran.append("later")).dispose()  # pyright: ignore
        waiting = scheduler.schedule_relative(0.010, lambda *_: ran.append("waiting"))  # pyright: ignore
        await asyncio.sleep(0.005)
        waiting.dispose()
        await asyncio.sleep(1)

    _virtual(main)
    assert ran == []


@both
def test_disposing_within_the_action_disposes_what_it_returned(make: Make) -> None:
    log: list[str] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        jobs: list[Any] = []

        def action(_: Any, __: Any) -> Disposable:
            jobs[0].dispose()
            log.append("went on")
            return Disposable(lambda: log.append("inner disposed"))

        jobs.append(scheduler.schedule_relative(0.001, action))
        await asyncio.sleep(1)

    _virtual(main)
    assert log == ["went on", "inner disposed"]


@both
def test_disposing_afterwards_disposes_what_it_returned(make: Make) -> None:
    log: list[str] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        job = scheduler.schedule(lambda *_: Disposable(lambda: log.append("inner disposed")))
        await asyncio.sleep(1)
        assert log == []
        job.dispose()

    _virtual(main)
    assert log == ["inner disposed"]


@both
def test_a_mistake_is_told_and_the_next_job_runs(make: Make) -> None:
    errors: list[Exception] = []
    ran: list[int] = []

    async def main() -> None:
        scheduler = make(errors.append)
        scheduler.schedule(lambda *_: 1 / 0)  # pyright: ignore
        scheduler.schedule(lambda *_: ran.append(1))  # pyright: ignore
        scheduler.schedule_relative(0.001, lambda *_: 1 / 0)  # pyright: ignore
        scheduler.schedule_relative(0.002, lambda *_: ran.append(2))  # pyright: ignore
        await asyncio.sleep(1)

    _virtual(main)
    assert [type(error) for error in errors] == [ZeroDivisionError, ZeroDivisionError]
    assert ran == [1, 2]


@both
def test_periodic_operators_work_on_it(make: Make) -> None:
    seen: list[int] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        ticking = rx.interval(1.0, scheduler=scheduler).subscribe(seen.append)
        await asyncio.sleep(3.5)
        ticking.dispose()
        await asyncio.sleep(5)

    _virtual(main)
    assert seen == [0, 1, 2]


@both
def test_a_clock_set_back_freezes_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    async def main() -> None:
        scheduler = make(lambda error: pytest.fail(repr(error)))
        before = scheduler.now
        monkeypatch.setattr("reactivex.internal.basic.default_now", lambda: before - timedelta(hours=1))
        ticking = rx.timer(0.5, 1.0, scheduler=scheduler).subscribe(seen.append)
        await asyncio.sleep(3)
        ticking.dispose()
        assert (scheduler.now - before).total_seconds() == pytest.approx(3.0)

    _virtual(main)
    assert seen == [0, 1, 2]


@both
async def test_from_other_threads_it_runs_soon_and_in_order(make: Make) -> None:
    home, errors = threading.get_ident(), list[Exception]()
    scheduler = make(errors.append)
    ran: list[tuple[int, int]] = []
    strangers: list[int] = []

    def note(_: Any, job: Any) -> None:
        if threading.get_ident() != home:
            strangers.append(threading.get_ident())
        ran.append(job)

    def produce(who: int) -> None:
        for number in range(500):
            scheduler.schedule(note, (who, number))

    await asyncio.gather(*(asyncio.to_thread(produce, who) for who in range(3)))
    await _until(lambda: len(ran) == 1_500)
    assert strangers == [] and errors == []
    for who in range(3):
        assert [number for whose, number in ran if whose == who] == list(range(500))


@both
async def test_an_idle_loop_wakes_for_another_thread(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = make(lambda error: pytest.fail(repr(error)))
    ran, idle = asyncio.Event(), threading.Event()
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select = selector.select

    def selecting(timeout: float | None = None) -> Any:
        if timeout is None or timeout > 1:
            idle.set()  # nothing is due: only the other thread can wake it
        return select(timeout)

    def strange() -> None:
        if idle.wait(30):
            scheduler.schedule(lambda *_: ran.set())

    monkeypatch.setattr(selector, "select", selecting)
    thread = threading.Thread(target=strange)
    thread.start()
    assert await asyncio.wait_for(ran.wait(), 40)
    thread.join(30)


@both
async def test_disposal_from_another_thread_holds_and_never_waits(make: Make) -> None:
    scheduler = make(lambda error: pytest.fail(repr(error)))
    ran: list[str] = []
    jobs = [
        scheduler.schedule_relative(0.05, lambda *_: ran.append("timer")),  # pyright: ignore
        scheduler.schedule(lambda *_: ran.append("soon")),  # pyright: ignore
    ]
    disposed = threading.Event()

    def dispose_all() -> None:
        for job in jobs:
            job.dispose()
        disposed.set()

    thread = threading.Thread(target=dispose_all)
    thread.start()
    thread.join(30)  # the loop stands still meanwhile, and must not be needed
    assert disposed.is_set()
    later = asyncio.Event()  # timers run in the order in which they are due
    scheduler.schedule_relative(0.06, lambda *_: later.set())  # pyright: ignore
    await asyncio.wait_for(later.wait(), 30)
    assert ran == []


async def test_actions_scheduled_together_share_one_task() -> None:
    loop = asyncio.get_running_loop()
    tasks: list[Any] = []

    def run_task(handler: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> "Future[Any]":
        tasks.append(handler)
        return asyncio.run_coroutine_threadsafe(handler(*args), loop)

    scheduler = RunTaskScheduler(run_task, lambda error: pytest.fail(repr(error)))
    ran: list[int] = []
    for number in range(1_000):
        scheduler.schedule(lambda _, which: ran.append(which), number)  # pyright: ignore
    await _until(lambda: len(ran) == 1_000)
    assert ran == list(range(1_000))
    assert len(tasks) == 1


async def test_a_flood_leaves_the_page_its_turn() -> None:
    scheduler = _over_run_task(lambda error: pytest.fail(repr(error)))
    ran: list[int] = []
    order: list[int] = []
    for number in range(2_000):
        scheduler.schedule(lambda _, which: ran.append(which), number)  # pyright: ignore
    while len(ran) < 2_000:
        await asyncio.sleep(0)
        order.append(len(ran))
    assert any(0 < count < 2_000 for count in order)


def test_nothing_runs_and_nothing_is_raised_once_the_loop_has_closed() -> None:
    loop = asyncio.new_event_loop()
    errors: list[Exception] = []
    scheduler = LoopScheduler(loop, errors.append)
    loop.close()
    scheduler.schedule(lambda *_: pytest.fail("ran")).dispose()
    scheduler.schedule_relative(0.001, lambda *_: pytest.fail("ran")).dispose()
    assert errors == []


def test_a_page_that_has_gone_is_reported_not_raised() -> None:
    errors: list[Exception] = []

    def run_task(handler: Callable[..., Any], *args: Any) -> "Future[Any]":
        raise RuntimeError("Event loop is closed")

    scheduler = RunTaskScheduler(run_task, errors.append)
    scheduler.schedule(lambda *_: pytest.fail("ran"))
    scheduler.schedule_relative(0.001, lambda *_: pytest.fail("ran"))
    assert [str(error) for error in errors] == ["Event loop is closed"] * 2


def test_timers_without_a_scheduler_are_forbidden() -> None:
    heard: list[Exception] = []
    threads = threading.active_count()
    with redirect_default_timers(None):
        for stream in (
            rx.interval(0.001),
            rx.timer(0.001),
            rx.of(1).pipe(ops.debounce(0.001)),
            rx.of(1).pipe(ops.delay(0.001)),
            rx.of(1).pipe(ops.timeout(0.001)),
            rx.of(1).pipe(ops.buffer_with_time(0.001)),
        ):
            stream.subscribe(lambda value: pytest.fail(repr(value)), heard.append)
    assert [type(error) for error in heard] == [HiddenTimer] * 6
    assert threading.active_count() == threads


async def test_timers_without_a_scheduler_go_to_the_one_installed() -> None:
    scheduler = LoopScheduler(asyncio.get_running_loop(), lambda error: pytest.fail(repr(error)))
    home = threading.get_ident()
    where: list[int] = []
    before = TimeoutScheduler.singleton
    redirection = redirect_default_timers(scheduler).install()
    try:
        rx.timer(0.001).subscribe(lambda _: where.append(threading.get_ident()))
        rx.of(1).pipe(ops.debounce(0.001)).subscribe(lambda _: where.append(threading.get_ident()))
        await _until(lambda: len(where) == 2)
    finally:
        redirection.remove()
        redirection.remove()
    assert set(where) == {home}
    assert TimeoutScheduler.singleton == before
