"""from_coro and from_aiter, on a loop in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pytest
from reactivex.subject import BehaviorSubject

from streams.core.schedulers import LoopScheduler
from streams.operators import Ok, SourceCancelled, from_aiter, from_coro, poll, task_spawner
from streams.operators.spawning import Spawn
from streams.testing.virtual_loop import IdleForEver, run_virtual


def _run_task_spawner() -> Spawn:
    """Spawn as ``page.run_task`` does: through a future of another kind, looked at later."""
    loop = asyncio.get_running_loop()

    def spawn(body: Callable[[], Coroutine[Any, Any, None]]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(body(), loop)

    return spawn


both_spawns = pytest.mark.parametrize("make_spawn", [task_spawner, _run_task_spawner])
Heard = list[Any]


def _into(heard: Heard) -> dict[str, Callable[..., None]]:
    return {
        "on_next": heard.append,
        "on_error": lambda error: heard.append(type(error)),
        "on_completed": lambda: heard.append("|"),
    }


@both_spawns
def test_one_value_and_the_end(make_spawn: Callable[[], Spawn]) -> None:
    async def main() -> Heard:
        heard: Heard = []
        from_coro(lambda: asyncio.sleep(1, "a"), spawn=make_spawn()).subscribe(**_into(heard))
        await asyncio.sleep(2)
        return heard

    assert run_virtual(main()) == ["a", "|"]


@both_spawns
def test_an_exception_is_the_error(make_spawn: Callable[[], Spawn]) -> None:
    async def fail() -> None:
        raise OSError("gone")

    async def main() -> Heard:
        heard: Heard = []
        from_coro(fail, spawn=make_spawn()).subscribe(**_into(heard))
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == [OSError]


@both_spawns
def test_it_is_cold_and_nobody_listening_starts_nothing(make_spawn: Callable[[], Spawn]) -> None:
    started: list[int] = []

    async def work() -> int:
        started.append(1)
        return len(started)

    async def main() -> Heard:
        heard: Heard = []
        stream = from_coro(work, spawn=make_spawn())
        await asyncio.sleep(1)
        assert started == []
        stream.subscribe(**_into(heard))
        stream.subscribe(**_into(heard))
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == [1, "|", 2, "|"]


@both_spawns
def test_disposal_before_the_first_step_means_never(make_spawn: Callable[[], Spawn]) -> None:
    started: list[int] = []

    async def work() -> None:
        started.append(1)

    async def main() -> None:
        from_coro(work, spawn=make_spawn()).subscribe().dispose()
        await asyncio.sleep(1)

    run_virtual(main())
    assert started == []


@both_spawns
def test_disposal_cancels_and_silences(make_spawn: Callable[[], Spawn]) -> None:
    ended: list[str] = []

    async def work() -> str:
        try:
            return await asyncio.sleep(10, "a")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> Heard:
        heard: Heard = []
        subscription = from_coro(work, spawn=make_spawn()).subscribe(**_into(heard))
        await asyncio.sleep(1)
        subscription.dispose()
        await asyncio.sleep(20)
        return heard

    assert run_virtual(main()) == []
    assert ended == ["cancelled"]


def test_a_foreign_cancellation_is_told_as_one() -> None:
    async def main() -> Heard:
        heard: Heard = []
        spawned: list[asyncio.Task[None]] = []

        def spawn(body: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
            spawned.append(asyncio.get_running_loop().create_task(body()))
            return spawned[-1]

        from_coro(lambda: asyncio.sleep(10), spawn=spawn).subscribe(**_into(heard))
        await asyncio.sleep(1)
        spawned[0].cancel()
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == [SourceCancelled]


def test_polling_a_coroutine_is_exact_to_the_millisecond() -> None:
    """A poll each 5 s, a hang of 9 s against a time-out of 3 s, a minute hidden: 76 s, in no time."""
    asked: list[float] = []

    async def main() -> Heard:
        loop = asyncio.get_running_loop()
        scheduler = LoopScheduler(loop, lambda error: pytest.fail(repr(error)))
        visible = BehaviorSubject(True)

        async def read() -> int:
            asked.append(loop.time())
            await asyncio.sleep(9 if len(asked) == 2 else 0.5)
            return len(asked)

        heard: Heard = []
        polling = poll(
            lambda: from_coro(read, spawn=task_spawner()),
            5.0,
            scheduler=scheduler,
            timeout_s=3.0,
            backoff=lambda failures: 2.0,
            visible_stream=visible,
        ).subscribe(lambda result: heard.append(result.value if isinstance(result, Ok) else result.failures))
        await asyncio.sleep(11)
        visible.on_next(False)
        await asyncio.sleep(60)
        visible.on_next(True)
        await asyncio.sleep(5)
        polling.dispose()
        return heard

    assert run_virtual(main()) == [1, 1, 3, 4]
    assert asked == [0.0, 5.0, 10.0, 71.0]


async def _letters(closed: list[str], pause_s: float = 0.0) -> AsyncIterator[str]:
    try:
        for letter in "abc":
            if pause_s:
                await asyncio.sleep(pause_s)
            yield letter
    finally:
        closed.append("closed")


def test_an_iterator_is_read_to_its_end_and_closed() -> None:
    closed: list[str] = []

    async def main() -> Heard:
        heard: Heard = []
        from_aiter(lambda: _letters(closed), spawn=task_spawner()).subscribe(**_into(heard))
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == ["a", "b", "c", "|"]
    assert closed == ["closed"]


def test_disposal_closes_the_iterator() -> None:
    closed: list[str] = []

    async def main() -> Heard:
        heard: Heard = []
        stream = from_aiter(lambda: _letters(closed, 1.0), spawn=task_spawner())
        subscription = stream.subscribe(**_into(heard))
        await asyncio.sleep(1.5)
        subscription.dispose()
        await asyncio.sleep(5)
        return heard

    assert run_virtual(main()) == ["a"]
    assert closed == ["closed"]


def test_what_an_iterator_raises_is_the_error() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise OSError("cut")

    async def main() -> Heard:
        heard: Heard = []
        from_aiter(broken, spawn=task_spawner()).subscribe(**_into(heard))
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == [1, OSError]


def test_a_subscriber_that_raises_is_not_a_broken_iterator() -> None:
    closed: list[str] = []
    told: list[Any] = []

    async def main() -> Heard:
        heard: Heard = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        def take(letter: str) -> None:
            heard.append(letter)
            if letter == "b":
                raise ZeroDivisionError("mistake")

        stream = from_aiter(lambda: _letters(closed), spawn=task_spawner())
        stream.subscribe(take, on_completed=lambda: heard.append("|"))
        await asyncio.sleep(1)
        return heard

    assert run_virtual(main()) == ["a", "b", "c", "|"]
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def _counting() -> AsyncIterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def test_an_iterator_that_never_waits_leaves_the_loop_its_turn() -> None:
    async def main() -> Heard:
        heard: Heard = []
        stream = from_aiter(_counting, spawn=task_spawner(), yield_every=10)
        subscription = stream.subscribe(heard.append)
        for _ in range(5):
            await asyncio.sleep(0)
        subscription.dispose()
        return heard

    heard = run_virtual(main())
    assert 10 <= len(heard) <= 60
    assert len(heard) % 10 == 0


def test_pausing_stops_the_pulling_at_once() -> None:
    pulled: list[int] = []

    async def source() -> AsyncIterator[int]:
        for number in range(1, 1_000):
            pulled.append(number)
            yield number

    async def main() -> Heard:
        paused = BehaviorSubject(False)
        heard: Heard = []

        def take(number: int) -> None:
            heard.append(number)
            if number == 100:
                paused.on_next(True)

        stream = from_aiter(source, spawn=task_spawner(), paused_stream=paused)
        subscription = stream.subscribe(take)
        await asyncio.sleep(10)
        assert len(pulled) == len(heard) == 100
        paused.on_next(False)
        await asyncio.sleep(10)
        subscription.dispose()
        return heard

    assert run_virtual(main())[-1] == 999


def test_a_virtual_loop_that_waits_for_nothing_says_so() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(IdleForEver):
        run_virtual(main())
