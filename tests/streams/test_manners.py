"""What every operator owes: errors, completion and disposal pass, and nobody listening costs nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.subject import BehaviorSubject

from streams.marbles import Marbles
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
    observe_on_batched,
    repeat_every,
    resubscribe,
    retry_backoff,
    share_latest,
    throttle_time,
)

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
