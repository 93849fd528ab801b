"""The folds: whatever the order in which answers and events come, the table ends as the server is."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.model.snapshot import Delta
from streams.sources.fold import NewestFold, NumberedFold

AT = datetime(2026, 3, 1, tzinfo=UTC)


class Table:
    """What follows the deltas of a fold."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}

    def take(self, delta: Delta[str, int] | None) -> None:
        if delta is None:
            return
        assert not delta.changed.keys() & delta.removed
        if delta.full:
            self.rows.clear()
        self.rows.update(delta.changed)
        for key in delta.removed:
            del self.rows[key]


WRITES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12)
"""Key, and whether it is written or removed; the number of the event is its value."""


@given(writes=WRITES, data=st.data())
def test_no_answer_overwrites_what_came_after_it(writes: list[tuple[str, bool]], data: st.DataObject) -> None:
    truth: list[Mapping[str, int]] = [{}]
    for seq, (key, there) in enumerate(writes, 1):
        rows = dict(truth[-1])
        rows.pop(key, None)
        truth.append({**rows, key: seq} if there else rows)
    fold: NumberedFold[str, int] = NumberedFold()
    table = Table()
    newest: dict[str, int] = {}
    for seq, (key, there) in enumerate(writes, 1):
        if data.draw(st.booleans()):  # an answer as of some moment up to now, or a little ahead of the socket
            known = data.draw(st.integers(0, min(len(writes), seq + 2)))
            table.take(fold.read("epoch", known, truth[known]))
        table.take(fold.write(seq, key, seq if there else None, AT))
        for row, version in table.rows.items():
            assert version >= newest.get(row, 0), "a row went back in time"
            newest[row] = version
        assert table.rows == fold.rows
    table.take(fold.read("epoch", len(writes), truth[-1]))
    assert table.rows == truth[-1]


def test_a_removed_row_does_not_come_back_with_an_older_answer() -> None:
    fold: NumberedFold[str, int] = NumberedFold()
    fold.read("e", 5, {"a": 1})
    assert fold.write(6, "a", None) == Delta({}, frozenset({"a"}))
    assert fold.read("e", 5, {"a": 1}) is None
    assert fold.rows == {}
    fold.read("e", 7, {"a": 2})
    assert fold.rows == {"a": 2}


def test_an_event_that_the_answer_knew_changes_nothing() -> None:
    fold: NumberedFold[str, int] = NumberedFold()
    fold.read("e", 5, {"a": 9})
    assert fold.write(4, "a", 1) is None
    assert fold.write(5, "a", 1) is None
    assert fold.rows == {"a": 9}


def test_a_new_epoch_begins_the_numbers_afresh() -> None:
    fold: NumberedFold[str, int] = NumberedFold()
    fold.read("old", 900, {"a": 1})
    fold.write(901, "a", 2)
    fold.restart("new")
    assert fold.write(1, "a", 3, AT) == Delta({"a": 3}, frozenset(), False, AT)
    fold.read("new", 1, {"a": 3, "b": 1})
    assert fold.rows == {"a": 3, "b": 1}


def test_the_first_answer_is_full_and_an_equal_one_is_nothing() -> None:
    fold: NumberedFold[str, int] = NumberedFold()
    fold.write(3, "b", 7)
    first = fold.read("e", 2, {"a": 1})
    assert first == Delta({"a": 1, "b": 7}, frozenset(), True)
    assert fold.read("e", 2, {"a": 1}) is None


def test_the_time_of_the_commit_travels_with_the_change() -> None:
    fold: NumberedFold[str, int] = NumberedFold()
    fold.read("e", 0, {})
    delta = fold.write(1, "a", 1, AT)
    assert delta is not None
    assert delta.committed_at == AT


def test_a_frame_that_came_after_the_question_wins_over_its_answer() -> None:
    fold: NewestFold[int, str] = NewestFold()
    fold.ask()
    assert fold.read({1: "10 %"}) == Delta({1: "10 %"}, frozenset(), True)
    fold.ask()
    fold.write({1: "30 %", 2: "0 %"})
    assert fold.read({1: "20 %"}) is None
    assert fold.rows == {1: "30 %", 2: "0 %"}
    fold.ask()
    assert fold.read({1: "40 %"}) == Delta({1: "40 %"}, frozenset({2}))


def test_what_a_frame_says_has_ended_stays_ended() -> None:
    fold: NewestFold[int, str] = NewestFold()
    fold.ask()
    fold.read({1: "10 %"})
    fold.ask()
    assert fold.write({}, frozenset({1})) == Delta({}, frozenset({1}))
    assert fold.read({1: "99 %"}) is None
    assert fold.rows == {}
