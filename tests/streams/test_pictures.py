"""The diagrams in the docstrings, played."""

from collections.abc import Callable
from typing import Any

import pytest

import streams.operators
from streams.model.snapshot import Delta
from streams.operators import (
    Backoff,
    Down,
    Msg,
    Ok,
    Up,
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
from tests.streams.playing import play

Sources = dict[str, Any]
Draw = Callable[[Marbles, Sources], Any]
VISIBLE = {"t": True, "f": False}


def _shared(m: Marbles, s: Sources) -> dict[str, Any]:
    shared = s["source"].pipe(share_latest())
    return {"first": shared, "second": shared}


PICTURES: list[tuple[Callable[..., Any], Draw, dict[str, Any]]] = [
    (audit_time, lambda m, s: s["source"].pipe(audit_time(0.005, scheduler=m.scheduler)), {}),
    (
        throttle_time,
        lambda m, s: s["source"].pipe(throttle_time(0.005, trailing=True, scheduler=m.scheduler)),
        {},
    ),
    (
        conflate,
        lambda m, s: s["source"].pipe(conflate(str.lower, 0.004, scheduler=m.scheduler)),
        {"w": {"a": "a"}, "x": {"b": "b", "a": "A"}, "y": {"a": "a"}, "z": {"b": "b"}},
    ),
    (
        conflate_merge,
        lambda m, s: s["source"].pipe(
            conflate_merge(lambda earlier, later: earlier + later, 0.004, scheduler=m.scheduler)
        ),
        {"x": "bc"},
    ),
    (
        conflate_deltas,
        lambda m, s: s["source"].pipe(conflate_deltas(0.004, scheduler=m.scheduler)),
        {
            "a": Delta({1: "one", 2: "two"}, full=True),
            "b": Delta({3: "three"}, frozenset({1})),
            "c": Delta({2: "zwei"}),
            "d": Delta({1: "uno"}),
            "x": Delta({2: "zwei", 3: "three"}, frozenset({1})),
        },
    ),
    (exactly_once, lambda m, s: s["source"].pipe(exactly_once(int, after=0)), {}),
    (exhaust_latest, lambda m, s: s["source"].pipe(exhaust_latest(lambda value: s["inner"])), {}),
    (gate, lambda m, s: s["source"].pipe(gate(s["visible"], scheduler=m.scheduler)), VISIBLE),
    (gate_latest, lambda m, s: s["source"].pipe(gate_latest(s["visible"])), VISIBLE),
    (
        keyed_distinct,
        lambda m, s: s["source"].pipe(keyed_distinct(str.lower, version=lambda letter: letter)),
        {},
    ),
    (
        live_query,
        lambda m, s: live_query(lambda: s["run"], s["invalidated"], scheduler=m.scheduler),
        {"o": Ok("r")},
    ),
    (observe_on_batched, lambda m, s: s["source"].pipe(observe_on_batched(m.scheduler)), {}),
    (
        poll,
        lambda m, s: poll(lambda: s["fetch"], 0.005, visible_stream=s["visible"], scheduler=m.scheduler),
        VISIBLE | {"o": Ok("a")},
    ),
    (
        reconnecting,
        lambda m, s: reconnecting(
            lambda: s["connect"], backoff=lambda attempts: 0.003, scheduler=m.scheduler
        ),
        {"u": Up(1), "v": Up(2), "m": Msg("a"), "d": Down(None, 0.003, 1)},
    ),
    (
        repeat_every,
        lambda m, s: s["source"].pipe(repeat_every(0.004, count=3, scheduler=m.scheduler)),
        {},
    ),
    (
        resubscribe,
        lambda m, s: s["source"].pipe(
            resubscribe(lambda run: 0.002 if run.number < 3 else None, scheduler=m.scheduler)
        ),
        {},
    ),
    (
        retry_backoff,
        lambda m, s: s["source"].pipe(
            retry_backoff(Backoff(base_s=0.002, jitter_ratio=0), max_retries=2, scheduler=m.scheduler)
        ),
        {},
    ),
    (share_latest, _shared, {}),
]


@pytest.mark.parametrize(("operator", "draw", "values"), PICTURES, ids=[one[0].__name__ for one in PICTURES])
def test_picture(m: Marbles, operator: Callable[..., Any], draw: Draw, values: dict[str, Any]) -> None:
    play(m, operator, lambda sources: draw(m, sources), values)


def test_no_picture_goes_unplayed() -> None:
    drawn = {
        name
        for name, operator in vars(streams.operators).items()
        if callable(operator) and "::\n" in (operator.__doc__ or "")
    }
    assert drawn == {operator.__name__ for operator, _, _ in PICTURES}


WITHOUT_PICTURE = {"conflate_into", "from_aiter", "from_coro", "seconds_of", "task_spawner"}
"""What other operators are made of, and what begins with a coroutine, which no marble can draw."""


def test_every_operator_has_a_picture() -> None:
    public = {name for name in streams.operators.__all__ if name[0].islower()}
    assert public - {operator.__name__ for operator, _, _ in PICTURES} == WITHOUT_PICTURE
