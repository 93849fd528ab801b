"""observe_on_batched: order, batches, faults, limits, threads."""

import asyncio
import threading
from typing import Any

from streams.core.schedulers import LoopScheduler
from streams.core.subjects import LoopSubject
from streams.operators import observe_on_batched
from streams.testing.marbles import Marbles


def test_a_fault_does_not_stop_what_is_behind_it(m: Marbles) -> None:
    faults: list[Exception] = []
    got: list[str] = []

    def take(value: str) -> None:
        if value == "b":
            raise ValueError(value)
        got.append(value)

    source: LoopSubject[str] = LoopSubject()
    source.pipe(observe_on_batched(m.scheduler, on_fault=faults.append)).subscribe(take)
    for letter in "abc":
        source.on_next(letter)
    m.flush()
    assert got == ["a", "c"]
    assert [str(fault) for fault in faults] == ["b"]


def test_completion_and_errors_keep_their_place(m: Marbles) -> None:
    m.expect(m.hot("(ab#)").pipe(observe_on_batched(m.scheduler))).to_be("(ab#)")
    m.expect(m.hot("(ab|)").pipe(observe_on_batched(m.scheduler))).to_be("(ab|)")
    m.flush()


def test_long_bursts_are_delivered_in_helpings(m: Marbles) -> None:
    source: LoopSubject[int] = LoopSubject()
    order: list[Any] = []
    source.pipe(observe_on_batched(m.scheduler, at_most=2)).subscribe(order.append)
    for number in range(5):
        source.on_next(number)
    m.at(0, lambda: order.append("others"))
    m.flush()
    assert order == [0, 1, "others", 2, 3, 4]


def test_the_oldest_makes_room(m: Marbles) -> None:
    lost: list[int] = []
    got: list[int] = []
    source: LoopSubject[int] = LoopSubject()
    source.pipe(observe_on_batched(m.scheduler, limit=2, on_overflow=lost.append)).subscribe(got.append)
    for number in range(5):
        source.on_next(number)
    m.flush()
    assert (lost, got) == ([0, 1, 2], [3, 4])


def test_disposal_silences_what_waits(m: Marbles) -> None:
    got: list[int] = []
    source: LoopSubject[int] = LoopSubject()
    subscription = source.pipe(observe_on_batched(m.scheduler)).subscribe(got.append)
    source.on_next(1)
    subscription.dispose()
    m.flush()
    assert got == []


def test_emitting_while_delivering_keeps_the_order_for_all(m: Marbles) -> None:
    source: LoopSubject[int] = LoopSubject()
    handed = source.pipe(observe_on_batched(m.scheduler))
    heard: dict[str, list[int]] = {"first": [], "second": []}

    def first(value: int) -> None:
        heard["first"].append(value)
        if value == 1:
            source.on_next(2)

    handed.subscribe(first)
    handed.subscribe(heard["second"].append)
    source.on_next(1)
    m.flush()
    assert heard == {"first": [1, 2], "second": [1, 2]}


async def test_values_from_many_threads_all_arrive_in_their_order() -> None:
    loop = asyncio.get_running_loop()
    faults: list[Exception] = []
    scheduler = LoopScheduler(loop, faults.append)
    home = threading.get_ident()
    got: list[tuple[int, int]] = []
    strangers: list[int] = []
    done = asyncio.Event()

    def take(value: tuple[int, int]) -> None:
        if threading.get_ident() != home:
            strangers.append(threading.get_ident())
        got.append(value)
        if len(got) == 3 * 2_000:
            done.set()

    sources: list[LoopSubject[tuple[int, int]]] = [LoopSubject() for _ in range(3)]
    for source in sources:
        source.pipe(observe_on_batched(scheduler)).subscribe(take)

    def produce(who: int) -> None:
        for number in range(2_000):
            sources[who].on_next((who, number))

    await asyncio.gather(*(asyncio.to_thread(produce, who) for who in range(3)))
    await asyncio.wait_for(done.wait(), 10)
    assert strangers == [] and faults == []
    for who in range(3):
        assert [number for whose, number in got if whose == who] == list(range(2_000))
