"""gate and gate_latest."""

import reactivex as rx
from reactivex.subject import BehaviorSubject

from streams.operators import gate, gate_latest
from streams.testing.marbles import Marbles

VISIBLE = {"t": True, "f": False}


def test_gate_repeats_of_the_same_answer_do_nothing(m: Marbles) -> None:
    source = m.cold("-a-b-c|")
    visible = m.hot("t-t-t", VISIBLE)
    m.expect(source.pipe(gate(visible, scheduler=m.scheduler))).to_be("-a-b-c|")
    m.expect_subscriptions(source).to_be("^-----!")
    m.flush()


def test_gate_that_never_opens_asks_for_nothing(m: Marbles) -> None:
    source = m.cold("a")
    m.expect(source.pipe(gate(BehaviorSubject(False), scheduler=m.scheduler)), "^---!").to_be("----")
    m.expect_subscriptions(source).to_be()
    m.flush()


def test_gate_ends_when_nothing_can_follow(m: Marbles) -> None:
    source = m.cold("a")
    m.expect(source.pipe(gate(m.hot("t-f-|", VISIBLE), scheduler=m.scheduler))).to_be("a---|")
    m.expect(source.pipe(gate(m.hot("t-|", VISIBLE), scheduler=m.scheduler)), "^---!").to_be("a---")
    m.flush()


def test_gate_lingers(m: Marbles) -> None:
    source = m.cold("a-b-c-d-e")
    visible = m.hot("t-f--t-f-----", VISIBLE)
    m.expect(source.pipe(gate(visible, scheduler=m.scheduler, linger_s=0.004)), "^ 14ms !").to_be("a-b-c-d-e")
    m.expect_subscriptions(source).to_be("^----------!")
    m.flush()


def test_gate_passes_an_error_of_its_switch(m: Marbles) -> None:
    visible = m.hot("t-#", VISIBLE)
    source = m.cold("a---b")
    m.expect(source.pipe(gate(visible, scheduler=m.scheduler))).to_be("a-#")
    m.expect_subscriptions(source).to_be("^-!")
    m.flush()


def test_gate_latest_shows_only_the_newest_missed(m: Marbles) -> None:
    source = m.hot("-a-b-c-----d")
    visible = m.hot("f-------t-f-t", VISIBLE)
    m.expect(source.pipe(gate_latest(visible)), "^ 13ms !").to_be("--------c---d")
    m.flush()


def test_gate_latest_has_nothing_to_show_twice(m: Marbles) -> None:
    source = m.hot("-a-------")
    visible = m.hot("t-f-t-f-t", VISIBLE)
    m.expect(source.pipe(gate_latest(visible)), "^ 9ms !").to_be("-a")
    m.flush()


def test_gate_latest_stays_subscribed(m: Marbles) -> None:
    source = m.hot("-a-|")
    m.expect(source.pipe(gate_latest(rx.of(False)))).to_be("---|")
    m.expect_subscriptions(source).to_be("^--!")
    m.flush()
