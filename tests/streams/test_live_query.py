"""live_query."""

from collections.abc import Callable

from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from streams.operators import Failed, Ok, SourceCancelled, live_query
from streams.testing.marbles import Marbles


def _text(result: Ok[str] | Failed) -> str:
    return result.value if isinstance(result, Ok) else "F"


def _numbered(m: Marbles, diagram: str) -> tuple[Callable[[], Observable[str]], list[float]]:
    """Give a query that answers 1, 2, 3, ... and notes when it was run."""
    runs: list[float] = []

    def run() -> Observable[str]:
        runs.append(m.scheduler.frame)
        return m.cold(diagram, {"r": str(len(runs))})

    return run, runs


def test_a_steady_flow_starves_nobody(m: Marbles) -> None:
    run, runs = _numbered(m, "-----(r|)")
    invalidated = m.hot("--i-i-i-i-i-i-i-i-i--------")
    stream = live_query(run, invalidated, scheduler=m.scheduler).pipe(ops.map(_text))
    m.expect(stream, "^ 27ms !").to_be("-----1----2----3----4----5--")
    m.flush()
    assert runs == [0, 5, 10, 15, 20]


def test_the_newest_cancels_if_asked_to(m: Marbles) -> None:
    source = m.cold("-----(r|)")
    invalidated = m.hot("--i-i----------")
    stream = live_query(lambda: source, invalidated, finish_running=False, scheduler=m.scheduler)
    m.expect(stream.pipe(ops.map(_text)), "^ 13ms !").to_be("---------r----")
    m.expect_subscriptions(source).to_be("^-!", "--^-!", "----^----!")
    m.flush()


def test_bursts_settle(m: Marbles) -> None:
    run, runs = _numbered(m, "(r|)")
    invalidated = m.hot("--iii---------i")
    stream = live_query(run, invalidated, settle_s=0.005, scheduler=m.scheduler).pipe(ops.map(_text))
    m.expect(stream, "^ 20ms !").to_be("1------2-----------3-")
    m.flush()
    assert runs == [0, 7, 19]


def test_the_same_result_is_left_out(m: Marbles) -> None:
    answers = iter("xxy")
    invalidated = m.hot("--i--i--")
    stream = live_query(
        lambda: m.cold(f"({next(answers)}|)"),
        invalidated,
        scheduler=m.scheduler,
        same=lambda last, new: last == new,
    )
    m.expect(stream.pipe(ops.map(_text)), "^------!").to_be("x----y-")
    m.flush()


def test_failures_are_values_and_tried_again(m: Marbles) -> None:
    answers = iter(("-#", "-#", "-(r|)"))
    stream = live_query(
        lambda: m.cold(next(answers)),
        m.hot("----------"),
        scheduler=m.scheduler,
        backoff=lambda failures: 0.002 * failures,
    )
    m.expect(stream.pipe(ops.map(_text)), "^ 12ms !").to_be("-F--F----r---")
    m.flush()


def test_hurry_ends_the_wait_after_a_failure(m: Marbles) -> None:
    answers = iter(("-#", "-(r|)"))
    stream = live_query(
        lambda: m.cold(next(answers)),
        m.hot("-"),
        scheduler=m.scheduler,
        backoff=lambda failures: 9.0,
        hurry_stream=m.hot("----h"),
    )
    m.expect(stream.pipe(ops.map(_text)), "^ 8ms !").to_be("-F---r")
    m.flush()


def test_disposal_cancels_the_query(m: Marbles) -> None:
    source = m.cold("----(r|)")
    invalidated = m.hot("-i-")
    m.expect(live_query(lambda: source, invalidated, scheduler=m.scheduler), "^--!").to_be("---")
    m.expect_subscriptions(source).to_be("^--!")
    m.expect_subscriptions(invalidated).to_be("^--!")
    m.flush()


def test_foreign_cancellation_ends_it(m: Marbles) -> None:
    source = m.cold("-#", error=SourceCancelled("shut down"))
    m.expect(live_query(lambda: source, m.hot("-"), scheduler=m.scheduler)).to_be("-#", error=SourceCancelled)
    m.flush()


def test_an_invalidation_that_greets_is_not_lost(m: Marbles) -> None:
    run, runs = _numbered(m, "--(r|)")
    stream = live_query(run, BehaviorSubject(0), scheduler=m.scheduler)
    m.expect(stream.pipe(ops.map(_text)), "^-----!").to_be("--1-2-")
    m.flush()
    assert runs == [0, 2]
