"""Duties of every operator: errors, completion and disposal pass, and no subscriber costs nothing.

What begins a stream by asking again and again owes something else: an error is a value and an end is none.
"""

from collections.abc import Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.subject import BehaviorSubject

import streams.operators
from streams.operators import (
    audit_time,
    conflate,
    conflate_deltas,
    conflate_merge,
    exactly_once,
    exhaust_latest,
    gate,
    gate_latest,
    keyed_distinct,
    live_query,
    observe_on_batched,
    poll,
    reconnecting,
    repeat_every,
    resubscribe,
    retry_backoff,
    share_latest,
    throttle_time,
)
from streams.testing.marbles import Marbles

Make = Callable[[Marbles], Callable[[Observable[Any]], Observable[Any]]]


def _open() -> Observable[bool]:
    return BehaviorSubject(True)


def _later(earlier: Any, later: Any) -> Any:
    return later


OPERATORS: dict[str, Make] = {
    "audit_time": lambda m: audit_time(0.002, scheduler=m.scheduler),
    "conflate": lambda m: conflate(lambda v: v, 0.002, scheduler=m.scheduler),
    "conflate_merge": lambda m: conflate_merge(_later, 0.002, scheduler=m.scheduler),
    "conflate_deltas": lambda m: conflate_deltas(0.002, scheduler=m.scheduler),
    "exactly_once": lambda m: exactly_once(lambda v: None),
    "exhaust_latest": lambda m: exhaust_latest(rx.just),
    "gate": lambda m: gate(_open(), scheduler=m.scheduler),
    "gate_latest": lambda m: gate_latest(_open()),
    "keyed_distinct": lambda m: keyed_distinct(lambda v: v),
    "observe_on_batched": lambda m: observe_on_batched(m.scheduler),
    "repeat_every": lambda m: repeat_every(0.002, count=1, scheduler=m.scheduler),
    "resubscribe": lambda m: resubscribe(lambda run: None, scheduler=m.scheduler),
    "retry_backoff": lambda m: retry_backoff(max_retries=0, scheduler=m.scheduler),
    "share_latest": lambda m: share_latest(),
    "throttle_time": lambda m: throttle_time(0.002, scheduler=m.scheduler),
}
every_operator = pytest.mark.parametrize("make", OPERATORS.values(), ids=OPERATORS)


@every_operator
def test_error_passes_at_once(m: Marbles, make: Make) -> None:
    source = m.cold("---#", error=OSError("gone"))
    m.expect(source.pipe(make(m))).to_be("---#", error=OSError)
    m.expect_subscriptions(source).to_be("^--!")
    m.flush()


@every_operator
def test_completion_passes_at_once(m: Marbles, make: Make) -> None:
    source = m.cold("---|")
    m.expect(source.pipe(make(m))).to_be("---|")
    m.expect_subscriptions(source).to_be("^--!")
    m.flush()


@every_operator
def test_disposal_reaches_the_source_and_silences(m: Marbles, make: Make) -> None:
    source = m.cold("------a|")
    m.expect(source.pipe(make(m)), "^---!").to_be("-----")
    m.expect_subscriptions(source).to_be("^---!")
    m.flush()


@every_operator
def test_disposal_silences_what_is_on_its_way(m: Marbles, make: Make) -> None:
    source = m.hot("-ab--------")
    heard = m.record(source.pipe(make(m)), "^--!")
    m.flush()
    assert all(event.frame <= 3 for event in heard)


@every_operator
def test_nobody_listening_costs_nothing(m: Marbles, make: Make) -> None:
    source = m.cold("a|")
    source.pipe(make(m))
    m.expect_subscriptions(source).to_be()
    m.flush()


@every_operator
def test_two_subscribers_do_not_mix(m: Marbles, make: Make) -> None:
    source = m.cold("--|")
    operator = make(m)
    m.expect(source.pipe(operator)).to_be("--|")
    m.expect(source.pipe(operator), "---^").to_be("-----|")
    m.flush()


def _boom(*_: Any) -> Any:
    raise ZeroDivisionError("mistake")


FAULTY: dict[str, Make] = {
    "conflate key": lambda m: conflate(_boom, 0.002, scheduler=m.scheduler),
    "conflate merge": lambda m: conflate_merge(_boom, 0.002, scheduler=m.scheduler),
    "exactly_once number": lambda m: exactly_once(_boom),
    "exhaust_latest project": lambda m: exhaust_latest(_boom),
    "keyed_distinct key": lambda m: keyed_distinct(_boom),
    "keyed_distinct same": lambda m: keyed_distinct(lambda v: 1, same=_boom),
    "resubscribe decide": lambda m: resubscribe(_boom, scheduler=m.scheduler),
}


@pytest.mark.parametrize("make", FAULTY.values(), ids=FAULTY)
def test_what_an_own_function_raises_is_the_error(m: Marbles, make: Make) -> None:
    heard = m.record(m.hot("-(ab)|").pipe(make(m)))
    m.flush()
    assert heard[-1].kind == "error"
    assert isinstance(heard[-1].value, ZeroDivisionError)


Ask = Callable[[Marbles, Callable[[], Observable[Any]]], Observable[Any]]
ASKING: dict[str, Ask] = {
    "live_query": lambda m, ask: live_query(
        ask, rx.timer(0.006, scheduler=m.scheduler), backoff=lambda _: 0.002, scheduler=m.scheduler
    ),
    "poll": lambda m, ask: poll(ask, 0.006, backoff=lambda _: 0.002, scheduler=m.scheduler),
    "reconnecting": lambda m, ask: reconnecting(ask, backoff=lambda _: 0.002, scheduler=m.scheduler),
}
everything_that_asks = pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)


@everything_that_asks
def test_what_asks_asks_nothing_while_nobody_listens(m: Marbles, ask: Ask) -> None:
    source = m.cold("a|")
    ask(m, lambda: source)
    m.expect_subscriptions(source).to_be()
    m.flush()


@everything_that_asks
def test_disposal_stops_what_is_asked_and_silences(m: Marbles, ask: Ask) -> None:
    source = m.cold("------a|")
    heard = m.record(ask(m, lambda: source), "^---!")
    m.expect_subscriptions(source).to_be("^---!")
    m.flush()
    assert heard == []


@everything_that_asks
def test_disposal_while_it_waits_is_the_end(m: Marbles, ask: Ask) -> None:
    source = m.cold("#", error=OSError("gone"))
    m.record(ask(m, lambda: source), "^!")
    m.expect_subscriptions(source).to_be("(^!)")
    m.flush()


@everything_that_asks
def test_an_error_is_a_value_and_it_is_asked_again(m: Marbles, ask: Ask) -> None:
    source = m.cold("-#", error=OSError("gone"))
    heard = m.record(ask(m, lambda: source), "^-----!")
    m.expect_subscriptions(source).to_be("^!", "---^!")
    m.flush()
    assert heard
    assert {event.kind for event in heard} == {"next"}


@everything_that_asks
def test_an_answer_is_not_the_end(m: Marbles, ask: Ask) -> None:
    source = m.cold("-(a|)")
    heard = m.record(ask(m, lambda: source), "^-------!")
    m.flush()
    assert {event.kind for event in heard} == {"next"}
    assert len(heard) >= 2


@everything_that_asks
def test_two_who_listen_are_answered_apart(m: Marbles, ask: Ask) -> None:
    source = m.cold("--(a|)")
    asking = ask(m, lambda: source)
    first, second = m.record(asking, "^--!"), m.record(asking, "---^--!")
    m.flush()
    assert [event.frame + 3 for event in first] == [event.frame for event in second] != []


ELSEWHERE = {"conflate_into", "from_aiter", "from_coro", "seconds_of", "task_spawner"}
"""What others are made of, and what begins with a coroutine: ``test_coroutines.py``."""


def test_no_operator_is_left_out() -> None:
    public = {name for name in streams.operators.__all__ if name[0].islower()}
    assert public == {*OPERATORS, *ASKING, *ELSEWHERE}
