"""StateManager and its cells."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

from streams.model.failures import Failure, ServerRefused, ServerUnreachable
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import Health
from streams.operators import Failed, Ok, SourceCancelled, poll
from streams.state.cell import Cell
from streams.state.manager import StateManager
from streams.testing.marbles import Marbles

ReportedErrors = list[Exception]


@pytest.fixture
def reported() -> ReportedErrors:
    return []


@pytest.fixture
def state(m: Marbles, reported: ReportedErrors) -> Iterator[StateManager]:
    manager = StateManager(
        m.scheduler,
        report=reported.append,
        now=lambda: m.scheduler.now,
        stale_factor=2.0,
        linger_s=0.002,
    )
    yield manager
    manager.close()


def _short(snapshot: Snapshot[Any]) -> str:
    return f"{snapshot.value}:{snapshot.health}"


def _failure(m: Marbles, code: str = "down", message: str = "x") -> Failure:
    return Failure(code=code, message=message, since=m.scheduler.now)


def _heard(m: Marbles, cell: Cell[Any], watched: str | None = None) -> list[Any]:
    return m.record(cell.stream.pipe(ops.map(_short)), watched)


def _told(events: list[Any]) -> list[tuple[float, Any]]:
    return [(event.frame, event.value) for event in events]


def test_a_failure_is_as_old_as_what_caused_it(m: Marbles) -> None:
    lost_at = m.scheduler.now - timedelta(seconds=40)
    manager = StateManager(
        m.scheduler,
        report=lambda _: None,
        now=lambda: m.scheduler.now,
        began=lambda error: lost_at if isinstance(error, ServerRefused) else None,
    )
    cell: Cell[str] = manager.cell("status")
    cell.fail_with(ServerRefused("x"))
    assert cell.current.failure is not None
    assert cell.current.failure.since == lost_at
    cell.fail_with(ServerUnreachable("x"))
    assert cell.current.failure.since == m.scheduler.now
    manager.close()


def test_a_subscriber_is_greeted_and_then_told_changes(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status")
    early, late = _heard(m, cell), _heard(m, cell, "---^")
    m.at(1, lambda: cell.put("a"))
    m.at(2, lambda: cell.put("a"))
    m.at(4, lambda: cell.put("b"))
    m.flush()
    assert _told(early) == [(0, "None:loading"), (1, "a:ok"), (4, "b:ok")]
    assert _told(late) == [(3, "a:ok"), (4, "b:ok")]


def test_an_equal_value_confirms(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status")
    m.at(1, lambda: cell.put("a"))
    m.at(5, lambda: cell.put("a"))
    m.flush()
    assert cell.current.at == m.scheduler.now


def test_a_failure_keeps_the_value_and_its_beginning(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status")
    heard = m.record(cell.stream)
    m.at(1, lambda: cell.put("a"))
    m.at(2, lambda: cell.fail(_failure(m)))
    m.at(3, lambda: cell.fail(_failure(m)))
    m.at(4, lambda: cell.fail(_failure(m, message="y")))
    m.at(5, lambda: cell.put("a"))
    m.flush()
    assert [(event.frame, _short(event.value)) for event in heard] == [
        (0, "None:loading"),
        (1, "a:ok"),
        (2, "a:error"),
        (4, "a:error"),
        (5, "a:ok"),
    ]
    assert heard[3].value.failure.since == heard[2].value.failure.since
    assert heard[4].value.failure is None


def test_silence_becomes_stale_while_somebody_listens(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status", 0.005)
    heard = _heard(m, cell, "^ 40ms !")
    m.at(1, lambda: cell.put("a"))
    m.at(8, cell.confirm)
    m.at(30, cell.confirm)
    m.flush()
    assert _told(heard) == [(0, "None:loading"), (1, "a:ok"), (18, "a:stale"), (30, "a:ok"), (40, "a:stale")]
    assert heard[3].value


def test_nobody_listening_leaves_no_timer(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status", 0.005)
    cell.put("a")
    m.flush()
    assert m.scheduler.frame == 0


def test_who_comes_late_is_told_that_it_is_old(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status", 0.005)
    cell.put("a")
    heard = _heard(m, cell, " 20ms ^---!")
    m.flush()
    assert _told(heard) == [(20, "a:stale")]


def test_a_changed_cadence_takes_effect(m: Marbles, state: StateManager) -> None:
    cadence = [0.005]
    cell: Cell[str] = state.cell("status", lambda: cadence[0])
    heard = _heard(m, cell, "^ 50ms !")
    m.at(1, lambda: cell.put("a"))
    m.at(2, lambda: cadence.__setitem__(0, 0.010))
    m.flush()
    assert _told(heard) == [(0, "None:loading"), (1, "a:ok"), (21, "a:stale")]


def test_cached_reads_have_a_maximum_age(m: Marbles, state: StateManager) -> None:
    cell: Cell[str] = state.cell("status")
    seen: list[str | None] = [cell.peek(60.0)]
    cell.put("a")
    m.at(3, lambda: seen.append(cell.peek(0.003)))
    m.at(4, lambda: seen.append(cell.peek(0.003)))
    m.flush()
    assert seen == [None, "a", None]


def test_a_followed_source_runs_for_listeners_only(m: Marbles, state: StateManager) -> None:
    source = m.cold("-a---b---", {"a": Ok("a"), "b": Ok("b")})
    cell: Cell[str] = state.cell("status")
    cell.follow(source)
    first, second = _heard(m, cell, "---^--!"), _heard(m, cell, "-----^-----!")
    m.expect_subscriptions(source).to_be("---^---------!")
    m.flush()
    assert _told(first) == [(3, "None:loading"), (4, "a:ok")]
    assert _told(second) == [(5, "a:ok"), (8, "b:ok")]


def test_a_source_followed_while_somebody_listens_starts_at_once(m: Marbles, state: StateManager) -> None:
    source = m.cold("-a", {"a": Ok("a")})
    cell: Cell[str] = state.cell("status")
    heard = _heard(m, cell, "^-------!")
    followed: list[Any] = []
    m.at(2, lambda: followed.append(cell.follow(source)))
    m.at(5, lambda: followed.pop().dispose())
    m.expect_subscriptions(source).to_be("--^--!")
    m.flush()
    assert _told(heard) == [(0, "None:loading"), (3, "a:ok")]


def test_failures_of_the_world_become_values(
    m: Marbles, state: StateManager, reported: ReportedErrors
) -> None:
    cell: Cell[str] = state.cell("status")
    cell.follow(m.cold("-f", {"f": Failed(ServerRefused("no", hint="start it"), 1, 4.0)}))
    m.record(cell.stream, "^---!")
    m.flush()
    failure = cell.current.failure
    assert failure is not None and failure.retry_at is not None
    assert (failure.code, failure.message, failure.hint) == ("server_refused", "no", "start it")
    assert (failure.retry_at - failure.since).total_seconds() == 4.0
    assert reported == []


def test_mistakes_are_reported_once_and_shown(
    m: Marbles, state: StateManager, reported: ReportedErrors
) -> None:
    bug = KeyError("bug")
    cell: Cell[str] = state.cell("status")
    cell.follow(m.cold("-ff-#", {"f": Failed(bug)}, error=bug))
    heard = _heard(m, cell, "^-----!")
    m.flush()
    assert _told(heard) == [(0, "None:loading"), (1, "None:error")]
    assert reported == [bug]
    assert cell.current.failure is not None and cell.current.failure.code == "internal"


def test_a_foreign_cancellation_is_no_failure(
    m: Marbles, state: StateManager, reported: ReportedErrors
) -> None:
    cell: Cell[str] = state.cell("status")
    cell.follow(rx.throw(SourceCancelled()))
    heard = _heard(m, cell, "^-----!")
    m.flush()
    assert _told(heard) == [(0, "None:loading")]
    assert reported == []


def test_polling_into_a_cell(m: Marbles, state: StateManager) -> None:
    answers = iter(("-(a|)", "-(a|)", "-#", "-(b|)"))
    cell: Cell[str] = state.cell("status", 0.004)
    cell.follow(
        poll(lambda: m.cold(next(answers)), 0.004, scheduler=m.scheduler, backoff=lambda failures: 0.002)
    )
    heard = _heard(m, cell, "^ 13ms !")
    m.flush()
    assert _told(heard) == [(0, "None:loading"), (1, "a:ok"), (9, "a:error"), (12, "b:ok")]


def test_names_are_unique(state: StateManager) -> None:
    state.cell("status")
    with pytest.raises(ValueError, match="status"):
        state.table("status")
    assert state.names == ("status",)


def test_a_table_tells_changes_not_lists(m: Marbles, state: StateManager) -> None:
    table = state.table("clients")
    heard = m.record(table.deltas)
    m.at(1, lambda: table.replace({1: "a", 2: "b"}))
    m.at(2, lambda: table.replace({1: "a", 2: "b"}))
    m.at(3, lambda: table.replace({1: "a", 3: "c"}))
    m.at(4, lambda: table.apply({1: "A", 3: "c"}, [9]))
    m.at(5, lambda: table.put(3, "c"))
    m.at(6, lambda: table.put(3, "C", m.scheduler.now))
    m.at(7, lambda: table.apply({}, [1]))
    m.flush()
    assert _told(heard) == [
        (1, Delta({1: "a", 2: "b"}, full=True)),
        (3, Delta({3: "c"}, frozenset({2}))),
        (4, Delta({1: "A"})),
        (6, Delta({3: "C"})),
        (7, Delta({}, frozenset({1}))),
    ]
    assert heard[3].value.committed_at is not None
    assert dict(table.rows) == {3: "C"}
    assert (table.get(3), table.get(1)) == ("C", None)


def test_a_late_subscriber_gets_one_full_delta(m: Marbles, state: StateManager) -> None:
    table = state.table("clients")
    table.put(1, "a")
    table.put(2, "b")
    heard = m.record(table.deltas, "--^")
    m.at(3, lambda: table.put(1, "A"))
    m.flush()
    assert _told(heard) == [(2, Delta({1: "a", 2: "b"}, full=True)), (3, Delta({1: "A"}))]
    assert heard[0].value.changed == {1: "a", 2: "b"}


def test_an_empty_table_is_told_once(m: Marbles, state: StateManager) -> None:
    table = state.table("clients")
    heard = m.record(table.deltas)
    m.at(1, lambda: table.replace({}))
    m.at(2, lambda: table.replace({}))
    m.flush()
    assert _told(heard) == [(1, Delta({}, full=True))]


def test_a_table_has_health(m: Marbles, state: StateManager) -> None:
    table = state.table("clients", 0.005)
    heard = m.record(table.freshness.pipe(ops.map(_short)), "^ 25ms !")
    m.at(1, lambda: table.replace({1: "a"}))
    m.at(2, lambda: table.put(2, "b"))
    m.at(3, lambda: table.fail(_failure(m)))
    m.at(4, lambda: table.put(2, "b"))
    m.flush()
    assert _told(heard) == [
        (0, "None:loading"),
        (1, "1:ok"),
        (2, "2:ok"),
        (3, "2:error"),
        (4, "2:ok"),
        (14, "2:stale"),
    ]
    assert table.current.health is Health.STALE


def test_a_table_follows_lists_and_changes(m: Marbles, state: StateManager) -> None:
    values = {
        "l": Delta({1: "a", 2: "b"}, full=True),
        "c": Delta({1: "A"}, frozenset({2})),
        "f": Delta({7: "g"}, full=True),
    }
    source = m.cold("-l-c-f", values)
    table = state.table("clients")
    table.follow(source)
    deltas, fresh = m.record(table.deltas, "^------!"), m.record(table.freshness, "--^-----!")
    m.expect_subscriptions(source).to_be("^---------!")
    m.flush()
    assert _told(deltas) == [
        (1, Delta({1: "a", 2: "b"}, full=True)),
        (3, Delta({1: "A"}, frozenset({2}))),
        (5, Delta({7: "g"}, frozenset({1}))),
    ]
    assert [(event.frame, event.value.value) for event in fresh] == [(2, 2), (3, 1)]
    assert table.peek(60.0) == {7: "g"}


def test_a_change_before_the_first_answer_is_not_taken_for_the_table(m: Marbles, state: StateManager) -> None:
    values = {"e": Delta({7: "g"}), "l": Delta({1: "a", 7: "g"}, full=True), "c": Delta({1: "A"})}
    table = state.table("clients")
    table.follow(m.cold("-e-l-c", values))
    deltas, fresh = m.record(table.deltas, "^------!"), m.record(table.freshness, "^------!")
    m.flush()
    assert _told(deltas) == [(3, Delta({1: "a", 7: "g"}, full=True)), (5, Delta({1: "A"}))]
    assert [(event.frame, event.value.value) for event in fresh] == [(0, None), (3, 2)]
