"""Clocks that jump: nothing is purged by one that is not plausible, and times keep their order."""

from datetime import timedelta

import pytest

from app.catalogue import known_time
from app.catalogue.catalogue import Catalogue
from app.catalogue.known_time import KnownTime
from app.protocol import FinishRun
from streams.vocabulary import RunState, RunTrigger
from tests.app.catalogue.seeds import Clock, back_up, enrol, entry


class Ticks:
    """A monotonic clock that goes on with what is told."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


def judge(catalogue: Catalogue, clock: Clock, ticks: Ticks) -> KnownTime:
    return KnownTime(catalogue.readers, catalogue.writer, now=clock, clock_s=ticks)


async def test_a_jump_forward_is_believed_only_after_a_day(catalogue: Catalogue, clock: Clock) -> None:
    ticks = Ticks()
    known = judge(catalogue, clock, ticks)
    assert await known.plausible()
    clock.forward(days=365)
    assert not await known.plausible()
    assert not await judge(catalogue, clock, ticks).plausible(), "nor by a server that starts again"
    clock.forward(days=-365)
    assert await known.plausible(), "the clock is right again"
    clock.forward(days=365)
    for _ in range(3):
        ticks.at_s += known_time.CONFIRM_S / 3
        clock.forward(seconds=known_time.CONFIRM_S / 3)
        assert not await known.plausible()
    ticks.at_s += known_time.CONFIRM_S / 3
    clock.forward(seconds=known_time.CONFIRM_S / 3)
    assert await known.plausible()
    assert await judge(catalogue, clock, ticks).plausible()


async def test_time_that_has_passed_and_a_clock_set_back_are_plausible(
    catalogue: Catalogue, clock: Clock
) -> None:
    ticks = Ticks()
    known = judge(catalogue, clock, ticks)
    assert await known.plausible()
    clock.forward(days=30)
    ticks.at_s += 30 * 86400
    assert await known.plausible()
    clock.forward(hours=-1)
    assert await known.plausible()
    clock.forward(hours=20)
    assert await known.plausible()


async def test_no_run_ends_before_it_began(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    clock.forward(hours=-1)
    ended = await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
    assert ended.finished_at is not None and ended.finished_at >= ended.started_at
    (line, *_) = await catalogue.activity.page()
    assert line.duration_s == 0


@pytest.mark.parametrize("vanish", [False, True])
async def test_versions_of_a_file_never_overlap(catalogue: Catalogue, clock: Clock, vanish: bool) -> None:
    client = await enrol(catalogue)
    begun = clock.at
    await back_up(catalogue, client, entry("/a", "one"))
    if vanish:
        run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
        await catalogue.runs.add_vanished(run.id, [b"/a"])
    clock.forward(hours=-1)
    await back_up(catalogue, client, entry("/a", "two, longer"))
    clock.forward(hours=3)
    for minutes in range(-90, 120, 7):
        entries, _ = await catalogue.files.tree(client.id, at=begun + timedelta(minutes=minutes))
        assert len(entries) <= 1
    ((now,), _) = await catalogue.files.tree(client.id, at=clock.at)
    assert now.size_bytes == len("two, longer")
