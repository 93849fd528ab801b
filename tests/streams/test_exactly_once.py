"""exactly_once."""

from streams.operators import Gap, exactly_once
from streams.testing.marbles import Marbles


def test_replay_and_live_overlap(m: Marbles) -> None:
    source = m.hot("1-2-3-2-3-4-|")
    m.expect(source.pipe(exactly_once(int, after=1))).to_be("--2-3-----4-|")
    m.flush()


def test_the_first_decides_when_nothing_is_known(m: Marbles) -> None:
    gaps: list[Gap] = []
    m.expect(m.hot("7-6-8|").pipe(exactly_once(int, on_gap=gaps.append))).to_be("7---8|")
    m.flush()
    assert gaps == []


def test_gaps_are_told_before_what_is_behind_them(m: Marbles) -> None:
    told: list[object] = []
    stream = m.hot("1-2-5-6|").pipe(exactly_once(int, after=0, on_gap=told.append))
    m.at(3, lambda: told.append("3ms"))
    m.record(stream)
    m.flush()
    assert told == ["3ms", Gap(after=2, before=5)]


def test_values_without_a_number_pass(m: Marbles) -> None:
    number = {"x": None, "1": 1}
    m.expect(m.hot("x1x1x|").pipe(exactly_once(number.get))).to_be("x1x-x|")
    m.flush()


def test_a_restart_counts_afresh(m: Marbles) -> None:
    stream = m.hot("5-N-1-1-2|").pipe(exactly_once(int, after=4, restart=lambda v: 0 if v == "N" else None))
    m.expect(stream).to_be("5-N-1---2|")
    m.flush()


def test_each_subscription_counts_for_itself(m: Marbles) -> None:
    stream = m.cold("1-2|").pipe(exactly_once(int))
    m.expect(stream).to_be("1-2|")
    m.expect(stream, "-----^").to_be("-----1-2|")
    m.flush()
