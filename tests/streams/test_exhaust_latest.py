"""exhaust_latest, and audit_time beside it: both keep a steady flow from starving anybody."""

import reactivex as rx

from streams.operators import audit_time, exhaust_latest
from streams.testing.marbles import Marbles


def test_the_newest_waits_its_turn(m: Marbles) -> None:
    source = m.hot("abcd-------|")
    inner = {letter: m.cold(f"---({letter}|)") for letter in "abcd"}
    m.expect(source.pipe(exhaust_latest(inner.__getitem__))).to_be("---a--d----|")
    m.expect_subscriptions(inner["a"]).to_be("^--!")
    m.expect_subscriptions(inner["b"]).to_be()
    m.expect_subscriptions(inner["c"]).to_be()
    m.expect_subscriptions(inner["d"]).to_be("---^--!")
    m.flush()


def test_completion_waits_for_what_was_asked(m: Marbles) -> None:
    source = m.hot("ab|")
    m.expect(source.pipe(exhaust_latest(lambda v: m.cold(f"--({v}|)")))).to_be("--a-(b|)")
    m.flush()


def test_an_inner_error_is_the_end(m: Marbles) -> None:
    source = m.hot("a-----b")
    m.expect(source.pipe(exhaust_latest(lambda v: m.cold("--#")))).to_be("--#")
    m.expect_subscriptions(source).to_be("^-!")
    m.flush()


def test_disposal_ends_the_inner(m: Marbles) -> None:
    inner = m.cold("-----x|")
    m.expect(m.hot("a---").pipe(exhaust_latest(lambda v: inner)), "^--!").to_be("---")
    m.expect_subscriptions(inner).to_be("^--!")
    m.flush()


def test_synchronous_inner_streams(m: Marbles) -> None:
    m.expect(m.hot("ab-c|").pipe(exhaust_latest(rx.just))).to_be("ab-c|")
    m.flush()


def test_audit_time_is_not_held_back(m: Marbles) -> None:
    source = m.hot("abcdefghij|")
    m.expect(source.pipe(audit_time(0.003, scheduler=m.scheduler))).to_be("---d---h---(j|)")
    m.flush()
