"""Fixtures of the stream tests: marbles, with the stock timer threads of RxPY forbidden."""

from collections.abc import Iterator

import pytest

from streams.core.schedulers import redirect_default_timers
from streams.testing.marbles import Marbles


@pytest.fixture
def m() -> Iterator[Marbles]:
    """Give a marble test; one that was never played has shown nothing and fails."""
    marbles = Marbles()
    with redirect_default_timers(None):
        yield marbles
    assert marbles.flushed, "m.flush() was forgotten: nothing has been compared"
