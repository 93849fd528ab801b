"""The past is read again at its period, and some seconds after runs have ended."""

from datetime import UTC, datetime
from typing import Any

import reactivex as rx
from reactivex import Observable, abc

from streams.model.events import Event
from streams.model.vocabulary import EventKind, Topic
from streams.sources.analytics import SETTLE_S, of_load, of_runs
from streams.sources.feed import Synced
from streams.sources.reading import Reading
from streams.testing.marbles import Marbles
from tests.streams.test_sources_reading import HandFeed

AT = datetime(2026, 3, 1, tzinfo=UTC)


def ended(seq: int, kind: EventKind = EventKind.RUN_FINISHED) -> Event:
    return Event(seq=seq, at=AT, kind=kind, topics=(Topic.RUNS,))


def after(m: Marbles, seconds: float) -> None:
    """Let time pass."""
    m.scheduler.advance_to(m.scheduler.frame + seconds * 1000)


class _Past:
    def __init__(self, m: Marbles, source: Any) -> None:
        self.feed = HandFeed()
        self.asks = 0
        reading = Reading(scheduler=m.scheduler, feed=self.feed, background_s=30)
        self.seen: list[Any] = []
        self.listening = source(self._fetch, reading).subscribe(self.seen.append)

    def _fetch(self) -> Observable[int]:
        def subscribe(observer: abc.ObserverBase[int], _: Any = None) -> abc.DisposableBase:
            self.asks += 1
            return rx.of(self.asks).subscribe(observer)

        return Observable(subscribe)


def test_many_runs_that_end_are_one_read(m: Marbles) -> None:
    past = _Past(m, of_runs)
    past.feed.say.on_next(Synced("e"))
    after(m, 1)
    assert past.asks == 1
    for seq in range(40):
        past.feed.say.on_next(ended(seq))
        after(m, SETTLE_S / 50)
    after(m, SETTLE_S)
    assert past.asks == 2
    past.feed.say.on_next(ended(90, EventKind.RUN_STARTED))
    after(m, 2 * SETTLE_S)
    assert past.asks == 2
    past.listening.dispose()
    after(m, 100)
    assert past.asks == 2


def test_load_is_read_at_its_cadence_only(m: Marbles) -> None:
    past = _Past(m, of_load)
    past.feed.say.on_next(Synced("e"))
    past.feed.say.on_next(ended(1))
    after(m, 29)
    assert past.asks == 1
    after(m, 2)
    assert past.asks == 2
    past.listening.dispose()
