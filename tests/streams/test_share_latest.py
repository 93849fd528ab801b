"""share_latest: as shareReplay({bufferSize: 1, refCount: true}) of RxJS 7.8, with linger."""

import pytest
import reactivex as rx

from streams.operators import share_latest
from streams.testing.marbles import Marbles


def test_late_subscribers_get_the_latest(m: Marbles) -> None:
    source = m.cold("-a-b-c---")
    shared = source.pipe(share_latest())
    m.expect(shared, "^-------!").to_be("-a-b-c--")
    m.expect(shared, "----^---!").to_be("----bc--")
    m.expect_subscriptions(source).to_be("^-------!")
    m.flush()


def test_after_everybody_left_it_begins_anew(m: Marbles) -> None:
    source = m.cold("-a-b---")
    shared = source.pipe(share_latest())
    m.expect(shared, "^---!").to_be("-a-b")
    m.expect(shared, "------^----!").to_be("-------a-b")
    m.expect_subscriptions(source).to_be("^---!", "------^----!")
    m.flush()


def test_lingering_keeps_the_source_and_its_value(m: Marbles) -> None:
    source = m.cold("-a---b---------")
    shared = source.pipe(share_latest(scheduler=m.scheduler, linger_s=0.004))
    m.expect(shared, "^-!").to_be("-a")
    m.expect(shared, "----^--!").to_be("----ab-")
    m.expect_subscriptions(source).to_be("^----------!")
    m.flush()


def test_lingering_ends(m: Marbles) -> None:
    source = m.cold("-a--------")
    shared = source.pipe(share_latest(scheduler=m.scheduler, linger_s=lambda: 0.002))
    m.expect(shared, "^--!").to_be("-a-")
    m.expect(shared, "-------^-!").to_be("--------a")
    m.expect_subscriptions(source).to_be("^----!", "-------^---!")
    m.flush()


def test_after_completion_the_last_value_and_the_end(m: Marbles) -> None:
    source = m.cold("-a-|")
    shared = source.pipe(share_latest())
    m.expect(shared).to_be("-a-|")
    m.expect(shared, "------^").to_be("------(a|)")
    m.expect_subscriptions(source).to_be("^--!")
    m.flush()


def test_after_an_error_it_begins_anew(m: Marbles) -> None:
    source = m.cold("-a#")
    shared = source.pipe(share_latest())
    m.expect(shared).to_be("-a#")
    m.expect(shared, "----^").to_be("-----a#")
    m.expect_subscriptions(source).to_be("^-!", "----^-!")
    m.flush()


def test_a_synchronous_source_serves_its_first_subscriber(m: Marbles) -> None:
    shared = rx.of(1, 2).pipe(share_latest())
    m.expect(shared).to_be("(xy|)", {"x": 1, "y": 2})
    m.expect(shared, "--^").to_be("--(y|)", {"y": 2})
    m.flush()


def test_one_operator_serves_two_pipelines(m: Marbles) -> None:
    operator = share_latest()
    m.expect(m.cold("-a|").pipe(operator)).to_be("-a|")
    m.expect(m.cold("--b|").pipe(operator)).to_be("--b|")
    m.flush()


def test_leaving_while_others_stay(m: Marbles) -> None:
    source = m.cold("-a-b-c|")
    shared = source.pipe(share_latest())
    m.expect(shared, "^-!").to_be("-a")
    m.expect(shared).to_be("-a-b-c|")
    m.expect_subscriptions(source).to_be("^-----!")
    m.flush()


def test_linger_needs_a_scheduler() -> None:
    with pytest.raises(ValueError, match="scheduler"):
        share_latest(linger_s=1.0)
