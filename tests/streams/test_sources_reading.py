"""Sources read with the event socket, without it, after gaps, and only as often as needed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import reactivex as rx
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from streams.core.subjects import LoopSubject
from streams.model.clients import Client
from streams.model.events import Event, ProgressFrame, StatusFrame
from streams.model.failures import ServerUnreachable
from streams.model.runs import Progress, Run
from streams.model.server import Activity, ServerStatus
from streams.model.snapshot import Delta
from streams.model.vocabulary import ClientState, EventKind, RunState, RunTrigger, ServerState, Topic
from streams.operators.results import Failed
from streams.sources import activity, clients, runs, server
from streams.sources.feed import FeedItem, Lost, Synced
from streams.sources.reading import Numbered, Reading
from streams.testing.marbles import Marbles

AT = datetime(2026, 3, 1, tzinfo=UTC)


class HandFeed:
    """An event socket that says what the test tells it to."""

    def __init__(self) -> None:
        self.say: LoopSubject[FeedItem] = LoopSubject()
        self.topics: list[Topic] = []

    def frames(self, *topics: Topic) -> Observable[FeedItem]:
        def subscribe(observer: abc.ObserverBase[FeedItem], _: Any = None) -> abc.DisposableBase:
            self.topics += topics
            inner = self.say.subscribe(observer)

            def leave() -> None:
                inner.dispose()
                for topic in topics:
                    self.topics.remove(topic)

            return Disposable(leave)

        return Observable(subscribe)


class Bench:
    """A reading in virtual time; ``asked`` are the seconds at which the server was asked."""

    def __init__(self, m: Marbles) -> None:
        self.m = m
        self.feed = HandFeed()
        self.reading = Reading(scheduler=m.scheduler, feed=self.feed, critical_s=5, background_s=30)
        self.asked: list[float] = []
        self.answers: list[Any] = []
        self.seen: list[Any] = []

    def fetch(self) -> Observable[Any]:
        self.asked.append(round(self.m.scheduler.frame / 1000, 3))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return rx.throw(answer) if isinstance(answer, Exception) else rx.return_value(answer)

    def at(self, seconds: float, item: FeedItem) -> None:
        self.m.at(seconds * 1000, lambda: self.feed.say.on_next(item))

    def play(self, source: Observable[Any], seconds: float) -> None:
        subscription = source.subscribe(self.seen.append)
        self.m.at(seconds * 1000, subscription.dispose)
        self.m.flush()


def client(goal_s: float = 1.0, key: str = "a") -> Client:
    return Client(id=key, name=key, state=ClientState.ONLINE, created_at=AT, goal_s=goal_s)


def event(seq: int, **parts: Any) -> Event:
    return Event(seq=seq, at=AT, kind=EventKind.CLIENT_CHANGED, topics=(), **parts)


def numbered(seq: int, *rows: Client) -> Numbered[Mapping[str, Client]]:
    return Numbered("e", seq, {row.id: row for row in rows})


def run(state: RunState = RunState.RUNNING, key: int = 7) -> Run:
    return Run(id=key, client_id="a", client_name="a", trigger=RunTrigger.AGENT, state=state, started_at=AT)


def test_the_first_read_waits_for_the_topics_to_flow(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [numbered(0)]
    bench.at(0.1, Synced("e"))
    bench.play(clients.clients(bench.fetch, bench.reading), 11)
    assert bench.asked == [0.1, 5.1, 10.1]
    assert bench.feed.topics == []


def test_it_does_not_wait_where_there_is_no_connection(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [numbered(0)]
    bench.at(0.0, Lost())
    bench.at(2.0, Synced("e"))
    bench.play(clients.clients(bench.fetch, bench.reading), 6)
    assert bench.asked == [0.0, 2.0], "back after a gap: read at once, then five seconds later"


def test_it_does_not_wait_for_ever_for_a_socket_that_says_nothing(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [numbered(0)]
    bench.play(clients.clients(bench.fetch, bench.reading), 1)
    assert bench.asked == [0.3]


def test_events_between_two_polls_are_changes_at_once(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [numbered(3, client(1)), numbered(4, client(2))]
    bench.at(0.1, Synced("e"))
    bench.at(1.0, event(4, client=client(2)))
    bench.at(1.1, event(4, client=client(9)))
    bench.play(clients.clients(bench.fetch, bench.reading), 6)
    assert [dict(delta.changed) for delta in bench.seen] == [{"a": client(1)}, {"a": client(2)}, {}]


def test_a_failed_read_is_a_value_and_comes_back(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [ServerUnreachable("no"), numbered(0)]
    bench.at(0.0, Lost())
    bench.play(clients.clients(bench.fetch, bench.reading), 4)
    assert [type(result) for result in bench.seen] == [Failed, Delta]


def test_many_events_are_one_more_read_of_a_query(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = ["results"]
    bench.at(0.0, Synced("e"))
    for step in range(10):
        bench.at(2 + step / 100, event(step + 1, run=run(RunState.COMPLETE, step)))
    bench.at(3.0, event(50, run=run(RunState.RUNNING)))
    bench.play(runs.results(bench.fetch, bench.reading), 40)
    assert bench.asked == [0.0, 2.25, 32.25], "a run that only begins is no result"


def test_progress_follows_frames_and_runs(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [{}]
    moving = Progress(run_id=7, client_id="a", client_name="a", at=AT, files_done=3)
    bench.at(0.0, Synced("e"))
    bench.at(1.0, event(1, run=run()))
    bench.at(2.0, ProgressFrame(runs=(moving,)))
    bench.at(3.0, event(2, run=run(RunState.COMPLETE)))
    bench.play(runs.progress(bench.fetch, bench.reading), 4)
    deltas = bench.seen
    assert [dict(delta.changed) for delta in deltas[1:3]] == [{7: runs.progress_of(run())}, {7: moving}]
    assert deltas[3].removed == {7}


def status(seconds: float, epoch: str = "e") -> ServerStatus:
    fields: dict[str, Any] = {
        name: 0 for name in ServerStatus.__struct_fields__ if name not in ("at", "state", "epoch", "version")
    }
    fields |= {"started_at": AT, "version": "1", "state": ServerState.RUNNING, "epoch": epoch}
    return ServerStatus(at=AT + timedelta(seconds=seconds), **fields)


def test_an_older_sample_does_not_replace_a_newer_one(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [status(1), status(2)]
    bench.at(0.0, Synced("e"))
    bench.at(3.0, StatusFrame(status=status(3)))
    bench.at(4.0, event(1, server_state=ServerState.STOPPED))
    bench.at(6.0, StatusFrame(status=status(0, "other epoch")))
    bench.play(server.status(bench.fetch, bench.reading), 7)
    stopped = msgspec.structs.replace(status(3), state=ServerState.STOPPED)
    assert [ok.value for ok in bench.seen] == [status(1), status(3), stopped, status(0, "other epoch")]


def line(seq: int, client_id: str = "a") -> Activity:
    return Activity(seq=seq, at=AT, kind=EventKind.CLIENT_ONLINE, client_id=client_id)


def test_activity_is_newest_first_and_each_line_once(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [(line(2), line(1))]
    bench.at(0.0, Synced("e"))
    bench.at(1.0, event(3, activity=line(3)))
    bench.at(2.0, event(3, activity=line(3)))
    bench.at(3.0, event(4, activity=line(4, "b")))
    bench.play(activity.activity(bench.fetch, bench.reading, "a"), 4)
    assert [entry.seq for entry in bench.seen[-1].value] == [3, 2, 1]


def test_a_hundred_lines_are_kept(m: Marbles) -> None:
    bench = Bench(m)
    bench.answers = [tuple(line(seq) for seq in range(100, 0, -1))]
    bench.at(0.0, Synced("e"))
    bench.at(1.0, event(101, activity=line(101)))
    bench.play(activity.activity(bench.fetch, bench.reading), 2)
    numbers = [entry.seq for entry in bench.seen[-1].value]
    assert numbers == list(range(101, 1, -1))
