"""conflate, conflate_merge, conflate_deltas."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.model.snapshot import Delta
from streams.operators import conflate, conflate_deltas
from streams.operators.conflate_deltas import merged
from streams.testing.marbles import Marbles


def test_the_turn_of_a_quiet_time_goes_out_together(m: Marbles) -> None:
    source = m.hot("--(abA)-----c-|")
    stream = source.pipe(conflate(str.lower, 0.005, scheduler=m.scheduler))
    m.expect(stream).to_be("--x---------y-|", {"x": {"a": "A", "b": "b"}, "y": {"c": "c"}})
    m.flush()


def test_at_most_one_delivery_a_frame(m: Marbles) -> None:
    source = m.hot("abcdefghijkl|")
    heard = m.record(source.pipe(conflate(lambda v: "k", 0.004, scheduler=m.scheduler)))
    m.flush()
    assert [(event.frame, event.value) for event in heard] == [
        (0, {"k": "a"}),
        (4, {"k": "e"}),
        (8, {"k": "i"}),
        (12, {"k": "l"}),
        (12, None),
    ]


def test_an_error_does_not_wait(m: Marbles) -> None:
    source = m.hot("a-b#")
    stream = source.pipe(conflate(str.lower, 0.009, scheduler=m.scheduler))
    m.expect(stream).to_be("x--#", {"x": {"a": "a"}})
    m.flush()


def test_each_delivery_is_a_new_dictionary(m: Marbles) -> None:
    source = m.hot("a---b---|")
    heard = m.record(source.pipe(conflate(lambda v: "k", 0.002, scheduler=m.scheduler)))
    m.flush()
    assert heard[0].value == {"k": "a"}
    assert heard[1].value == {"k": "b"}


def test_a_changed_frame_takes_effect(m: Marbles) -> None:
    frames = iter((0.002, 0.005, 0.005))
    source = m.hot("abcdefghij|")
    stream = source.pipe(conflate(lambda v: "k", lambda: next(frames), scheduler=m.scheduler))
    heard = m.record(stream)
    m.flush()
    assert [event.frame for event in heard if event.kind == "next"] == [0, 2, 7, 10]


AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_deltas_of_a_frame_become_one(m: Marbles) -> None:
    values: dict[str, Any] = {
        "a": Delta({1: "one", 2: "two"}, full=True),
        "b": Delta({1: "uno"}, frozenset({2}), committed_at=AT),
        "c": Delta({3: "three"}),
        "x": Delta({1: "uno", 3: "three"}, full=False, committed_at=AT),
        "y": Delta({1: "uno", 3: "three"}, full=True, committed_at=AT),
    }
    together = m.hot("(abc)|", values).pipe(conflate_deltas(0.004, scheduler=m.scheduler))
    apart = m.hot("ab-c---|", values).pipe(conflate_deltas(0.004, scheduler=m.scheduler))
    heard_together, heard_apart = m.record(together), m.record(apart)
    m.flush()
    assert heard_together[0].value == values["y"]
    assert heard_together[0].value.committed_at == AT
    assert [event.frame for event in heard_apart] == [0, 4, 7]
    assert heard_apart[1].value == Delta({1: "uno", 3: "three"}, frozenset({2}), committed_at=AT)


def test_a_single_delta_is_handed_on_as_it_is(m: Marbles) -> None:
    delta = Delta({1: "one"})
    heard = m.record(m.hot("a|", {"a": delta}).pipe(conflate_deltas(0.004, scheduler=m.scheduler)))
    m.flush()
    assert heard[0].value is delta


KEYS = st.integers(0, 4)
DELTAS = st.builds(
    lambda changed, removed, full: Delta(changed, frozenset(removed - changed.keys()), full),
    st.dictionaries(KEYS, st.integers()),
    st.sets(KEYS),
    st.booleans(),
)


def _applied(rows: dict[int, int], delta: Delta[int, int]) -> dict[int, int]:
    base = {} if delta.full else {key: row for key, row in rows.items() if key not in delta.removed}
    return base | dict(delta.changed)


@settings(max_examples=60, database=None)
@given(st.dictionaries(KEYS, st.integers()), st.lists(DELTAS, min_size=1, max_size=6))
def test_conflation_does_what_the_deltas_do(rows: dict[int, int], deltas: list[Delta[int, int]]) -> None:
    stepwise = rows
    for delta in deltas:
        stepwise = _applied(stepwise, delta)
    assert _applied(rows, merged(deltas)) == stepwise


def test_rows_are_brought_to_where_a_delta_leads() -> None:
    rows = {"a": 1, "b": 2}
    Delta({"b": 3, "c": 4}, frozenset({"a", "never there"})).apply_to(rows)
    assert rows == {"b": 3, "c": 4}
    Delta({"d": 5}, full=True).apply_to(rows)
    assert rows == {"d": 5}
