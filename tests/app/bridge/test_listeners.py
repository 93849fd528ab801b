"""Listeners get the frames of their topics while others come and go."""

from datetime import UTC, datetime
from typing import Any

from app.bridge.listeners import Listeners
from streams.model.events import Event
from streams.model.vocabulary import EventKind, Topic

AT = datetime(2026, 1, 1, tzinfo=UTC)


def _event(seq: int, *topics: Topic) -> Event:
    return Event(seq=seq, at=AT, kind=EventKind.CLIENT_CHANGED, topics=topics)


def _listen(listeners: Listeners, *topics: Topic) -> tuple[list[int], Any]:
    heard: list[int] = []
    stream = listeners.frames(*topics)
    return heard, stream.subscribe(lambda item: heard.append(item.seq) if isinstance(item, Event) else None)


def test_a_frame_reaches_those_who_listen_to_one_of_its_topics_and_nobody_else() -> None:
    listeners = Listeners(lambda: None)
    clients, _ = _listen(listeners, Topic.CLIENTS)
    both, _ = _listen(listeners, Topic.CLIENTS, Topic.RUNS)
    listeners.tell(_event(1, Topic.CLIENTS))
    listeners.tell(_event(2, Topic.RUNS))
    listeners.tell(_event(3, Topic.RUNS, Topic.CLIENTS))
    assert clients == [1, 3]
    assert both == [1, 2, 3]


def test_who_comes_later_hears_what_comes_later_and_who_has_left_nothing() -> None:
    listeners = Listeners(lambda: None)
    first, leaving = _listen(listeners, Topic.CLIENTS)
    listeners.tell(_event(1, Topic.CLIENTS))
    second, _ = _listen(listeners, Topic.CLIENTS)
    listeners.tell(_event(2, Topic.CLIENTS))
    leaving.dispose()
    listeners.tell(_event(3, Topic.CLIENTS))
    assert first == [1, 2]
    assert second == [2, 3]


def test_one_that_fails_keeps_no_other_from_hearing() -> None:
    listeners = Listeners(lambda: None)

    def fail(_: object) -> None:
        raise ValueError("cannot take it")

    listeners.connected = True
    listeners.frames(Topic.CLIENTS).subscribe(fail)
    heard, _ = _listen(listeners, Topic.CLIENTS)
    listeners.tell(_event(1, Topic.CLIENTS))
    assert heard == [1]


def test_topics_that_are_named_in_ever_other_ways_are_not_all_remembered() -> None:
    listeners = Listeners(lambda: None)
    heard, _ = _listen(listeners, Topic.CLIENTS)
    for count in range(1, 1000):
        listeners.tell(_event(count, *[Topic.CLIENTS] * count))
    assert heard == list(range(1, 1000))
    assert len(listeners._routes) < 100
