"""poll: period, overlap, time-out, back-off, visibility, refresh."""

from collections.abc import Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject, Subject

from streams.operators import Backoff, Failed, Ok, SourceCancelled, TimedOut, poll, share_latest
from streams.testing.marbles import Marbles


def _text(result: Ok[str] | Failed) -> str:
    return result.value if isinstance(result, Ok) else "F"


def _answers(m: Marbles, *diagrams: str) -> tuple[Callable[[], Observable[str]], list[float]]:
    """Give a fetch that plays one diagram after the other, the last for ever, and notes when it was asked."""
    left = list(diagrams)
    asked: list[float] = []

    def fetch() -> Observable[str]:
        asked.append(m.scheduler.frame)
        return m.cold(left.pop(0) if len(left) > 1 else left[0])

    return fetch, asked


def _polled(m: Marbles, fetch: Callable[[], Observable[str]], every_s: Any, **more: Any) -> Observable[str]:
    return poll(fetch, every_s, scheduler=m.scheduler, **more).pipe(ops.map(_text))


def test_period_is_from_start_to_start(m: Marbles) -> None:
    fetch, asked = _answers(m, "--(a|)")
    m.expect(_polled(m, fetch, 0.005), "^-------------!").to_be("--a----a----a--")
    m.flush()
    assert asked == [0, 5, 10]


def test_slow_answers_delay_and_never_overlap(m: Marbles) -> None:
    source = m.cold("-------(a|)")
    m.expect(_polled(m, lambda: source, 0.005), "^ 15ms !").to_be("-------a------a-")
    m.expect_subscriptions(source).to_be("^------!", "-------^------!", "--------------^-!")
    m.flush()


def test_failures_are_values_and_back_off(m: Marbles) -> None:
    fetch, asked = _answers(m, "-#", "-#", "-(a|)")
    stream = poll(fetch, 0.005, scheduler=m.scheduler, backoff=Backoff(0.002, 1.0, jitter_ratio=0))
    heard = m.record(stream, "^ 13ms !")
    m.flush()
    assert [(event.frame, _text(event.value)) for event in heard] == [(1, "F"), (4, "F"), (9, "a")]
    assert [event.value.failures for event in heard[:2]] == [1, 2]
    assert [event.value.retry_in_s for event in heard[:2]] == [0.002, 0.004]
    assert asked == [0, 3, 8, 13]


def test_failures_count_afresh_after_a_success(m: Marbles) -> None:
    fetch, _ = _answers(m, "#", "(a|)", "#")
    stream = poll(fetch, 0.002, scheduler=m.scheduler, backoff=lambda failures: 0.001 * failures)
    heard = m.record(stream, "^---!")
    m.flush()
    assert [event.value.failures for event in heard if isinstance(event.value, Failed)] == [1, 1]


@pytest.mark.parametrize(("noise", "delay_s"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_jitter_spreads_the_waits(noise: float, delay_s: float) -> None:
    assert Backoff(1.0, 30.0, 0.2, lambda: noise)(1) == pytest.approx(delay_s)


def test_backoff_doubles_up_to_its_cap() -> None:
    waits = Backoff(1.0, 5.0, jitter_ratio=0)
    assert [waits(failures) for failures in (1, 2, 3, 4, 5_000)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_timeout_cancels_and_is_a_failure(m: Marbles) -> None:
    source = m.cold("------(a|)")
    stream = poll(lambda: source, 0.010, timeout_s=0.003, backoff=lambda _: 0.004, scheduler=m.scheduler)
    heard = m.record(stream, "^-------!")
    m.expect_subscriptions(source).to_be("^--!", "-------^!")
    m.flush()
    assert [event.frame for event in heard] == [3]
    assert isinstance(heard[0].value.error, TimedOut)


def test_a_fetch_that_raises_is_a_failure(m: Marbles) -> None:
    def fetch() -> Observable[str]:
        raise OSError("no socket")

    m.expect(_polled(m, fetch, 0.005, backoff=lambda _: 1.0), "^-!").to_be("F-")
    m.flush()


def test_foreign_cancellation_ends_it(m: Marbles) -> None:
    stream = poll(lambda: rx.throw(SourceCancelled()), 0.005, scheduler=m.scheduler)
    m.expect(stream).to_be("#", error=SourceCancelled)
    m.flush()


def test_hiding_cancels_and_showing_reads_at_once(m: Marbles) -> None:
    visible = m.hot("t--f----t---", {"t": True, "f": False})
    source = m.cold("-----(a|)")
    m.expect(_polled(m, lambda: source, 0.020, visible_stream=visible), "^ 15ms !").to_be("-------------a--")
    m.expect_subscriptions(source).to_be("^--!", "--------^----!")
    m.flush()


def test_a_quick_flip_goes_unnoticed(m: Marbles) -> None:
    visible = m.hot("t-ftft------", {"t": True, "f": False})
    fetch, asked = _answers(m, "-(a|)")
    stream = _polled(m, fetch, 0.006, visible_stream=visible, linger_s=0.003)
    m.expect(stream, "^---------!").to_be("-a-----a---")
    m.flush()
    assert asked == [0, 6]


def test_refresh_reads_now(m: Marbles) -> None:
    refresh = m.hot("----r----")
    fetch, asked = _answers(m, "-(a|)")
    m.expect(_polled(m, fetch, 0.020, refresh_stream=refresh), "^---------!").to_be("-a---a----")
    m.flush()
    assert asked == [0, 4]


def test_refresh_during_a_read_reads_once_more(m: Marbles) -> None:
    refresh = m.hot("-rr-------")
    fetch, asked = _answers(m, "---(a|)")
    m.expect(_polled(m, fetch, 0.020, refresh_stream=refresh), "^---------!").to_be("---a--a---")
    m.flush()
    assert asked == [0, 3]


def test_refresh_ends_a_back_off(m: Marbles) -> None:
    refresh = m.hot("---r---")
    fetch, asked = _answers(m, "-#", "-(a|)")
    stream = _polled(m, fetch, 1.0, refresh_stream=refresh, backoff=lambda _: 9.0)
    m.expect(stream, "^-----!").to_be("-F--a-")
    m.flush()
    assert asked == [0, 3]


def test_a_changed_function_takes_effect_at_the_next_wait(m: Marbles) -> None:
    every = [0.005]
    fetch, asked = _answers(m, "(a|)")
    m.at(7, lambda: every.__setitem__(0, 0.002))
    m.record(_polled(m, fetch, lambda: every[0]), "^------------!")
    m.flush()
    assert asked == [0, 5, 10, 12]


def test_a_changed_observable_takes_effect_within_the_wait(m: Marbles) -> None:
    every: BehaviorSubject[float] = BehaviorSubject(0.030)
    fetch, asked = _answers(m, "-(a|)")
    m.at(4, lambda: every.on_next(0.006))
    m.at(8, lambda: every.on_next(0.001))
    m.record(_polled(m, fetch, every), "^---------!")
    m.flush()
    assert asked == [0, 6, 8, 9]


def test_an_observable_period_that_says_nothing_reads_once(m: Marbles) -> None:
    fetch, asked = _answers(m, "(a|)")
    m.record(_polled(m, fetch, Subject()), "^ 10s !")
    m.flush()
    assert asked == [0]


def test_many_listeners_make_one_request(m: Marbles) -> None:
    source = m.cold("--(a|)")
    shared = _polled(m, lambda: source, 0.005).pipe(share_latest())
    m.expect(shared, "^---!").to_be("--a-")
    m.expect(shared, "---^----!").to_be("---a---a-")
    m.expect_subscriptions(source).to_be("^-!", "-----^-!")
    m.flush()


def test_nobody_listening_makes_none(m: Marbles) -> None:
    fetch, asked = _answers(m, "(a|)")
    _polled(m, fetch, 0.001)
    m.flush()
    assert asked == []
