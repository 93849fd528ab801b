import asyncio

import pytest

from app.agent.backoff import Backoff
from app.agent.failures import Refusal
from app.agent.retry import Patience
from app.wire.http import Problem
from streams.model.failures import ServerUnreachable

SHORT_S = 0.05


class Attempts:
    """Fails until it was asked so often."""

    def __init__(self, failure: Exception, times: int) -> None:
        self._failure, self._left = failure, times

    async def __call__(self) -> str:
        self._left -= 1
        if self._left < 0:
            return "done"
        raise self._failure


def patience() -> Patience:
    return Patience(lambda: Backoff("x", base_s=0.02, cap_s=0.02), patience_s=SHORT_S)


async def test_a_server_that_is_there_and_says_wait_is_waited_for() -> None:
    busy = Refusal(Problem(code="too_many_uploads", message="Too many."), status=429)
    assert await patience().through(Attempts(busy, 10)) == "done"


async def test_a_server_that_is_away_is_given_up() -> None:
    with pytest.raises(ServerUnreachable):
        await patience().through(Attempts(ServerUnreachable("Nobody answers."), 10))


async def test_what_cannot_pass_is_not_tried_again() -> None:
    full = Refusal(Problem(code="disk_full", message="Full."), status=507)
    with pytest.raises(Refusal):
        await patience().through(Attempts(full, 1))


async def test_what_was_under_way_before_a_server_went_away_does_not_say_that_it_is_back() -> None:
    said: list[str] = []
    away = Patience(lambda: Backoff("x", base_s=0.02, cap_s=0.02), say=said.append)
    nearly_done, gone, back = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def before() -> None:
        await nearly_done.wait()

    async def after() -> None:
        if not back.is_set():
            gone.set()
            raise ServerUnreachable("Nobody answers.")

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        earlier = group.create_task(away.through(before))
        group.create_task(away.through(after))
        await gone.wait()
        nearly_done.set()
        await earlier
        gone.clear()
        await gone.wait()
        back.set()
    assert said == ["Nobody answers. Trying again.", "The server is back; going on."]
