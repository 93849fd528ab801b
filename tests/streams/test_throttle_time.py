"""throttle_time: as throttleTime of RxJS 7.8."""

import pytest

from streams.operators import throttle_time
from streams.testing.marbles import Marbles


@pytest.mark.parametrize(
    ("leading", "trailing", "expected"),
    [
        (True, False, "-a------d----|"),
        (True, True, "-a----c----d----(e|)"),
        (False, True, "------c----d----(e|)"),
        (False, False, "-------------|"),
    ],
)
def test_edges(m: Marbles, leading: bool, trailing: bool, expected: str) -> None:
    source = m.hot("-a-b-c--d---e|")
    edges = throttle_time(0.005, leading=leading, trailing=trailing, scheduler=m.scheduler)
    m.expect(source.pipe(edges)).to_be(expected)
    m.expect_subscriptions(source).to_be("^------------!")
    m.flush()


def test_a_changed_time_takes_effect(m: Marbles) -> None:
    times = iter((0.002, 0.006))
    source = m.hot("abcdefgh|")
    m.expect(source.pipe(throttle_time(lambda: next(times), scheduler=m.scheduler))).to_be("a--d----|")
    m.flush()
