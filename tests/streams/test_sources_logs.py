"""The merged log: pages, frames, gaps, late lines and the console's own, in virtual time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from streams.core.subjects import LoopSubject
from streams.model.events import LogFrame
from streams.model.failures import ServerUnreachable
from streams.model.log_match import Search, WrongExpression, matcher
from streams.model.logs import LogFilter, LogLine, LogPage, id_at
from streams.model.vocabulary import LogLevel, LogSource
from streams.operators.conflate import conflate_merge
from streams.ports.logs import LogChange, Spoken, key_of
from streams.sources.feed import FeedItem, Lost, Synced
from streams.sources.logs import log_lines, log_streams
from streams.sources.reading import Reading
from streams.testing.marbles import Marbles
from tests.streams.test_sources_reading import HandFeed

AT = datetime(2026, 3, 1, tzinfo=UTC)
ALL = LogFilter()


def line(second: float, source: LogSource = LogSource.SERVER, **parts: Any) -> LogLine:
    at = AT + timedelta(seconds=second)
    said: dict[str, Any] = {
        "level": LogLevel.INFO,
        "logger": "app",
        "message": f"{source} {second:g}",
        **parts,
    }
    return LogLine(id=id_at(at), at=at, source=source, **said)


def own(second: float) -> LogLine:
    return line(second, LogSource.CONSOLE)


class HandLog:
    """The console's own log, as a test speaks it."""

    def __init__(self, *lines: LogLine) -> None:
        self.lines = lines
        self.say: LoopSubject[Spoken] = LoopSubject()

    def newest(self) -> tuple[LogLine, ...]:
        return self.lines

    @property
    def spoken(self) -> Observable[Spoken]:
        return self.say


class Bench:
    """A merged log in virtual time; pages are answered in turn, by what they begin before."""

    def __init__(self, m: Marbles, *lines: LogLine) -> None:
        self.m = m
        self.feed = HandFeed()
        self.own = HandLog(*lines)
        self.reading = Reading(scheduler=m.scheduler, feed=self.feed, background_s=30)
        self.newest: list[LogPage | Exception] = []
        self.older: dict[int, LogPage] = {}
        self.asked: list[int | None] = []
        self.more: LoopSubject[None] = LoopSubject()
        self.seen: list[LogChange] = []
        self.lost_at: datetime | None = None

    def fetch(self, _wanted: LogFilter, before: int | None) -> Observable[LogPage]:
        self.asked.append(before)
        if before is not None:
            return rx.return_value(self.older[before])
        answer = self.newest.pop(0) if len(self.newest) > 1 else self.newest[0]
        return rx.throw(answer) if isinstance(answer, Exception) else rx.return_value(answer)

    def at(self, seconds: float, item: FeedItem) -> None:
        self.m.at(seconds * 1000, lambda: self.feed.say.on_next(item))

    def says(self, seconds: float, *lines: LogLine) -> None:
        self.m.at(seconds * 1000, lambda: self.own.say.on_next(Spoken(lines)))

    def asks(self, seconds: float) -> None:
        self.m.at(seconds * 1000, lambda: self.more.on_next(None))

    def play(self, seconds: float, wanted: LogFilter = ALL) -> None:
        source = log_lines(
            wanted,
            self.more,
            self.fetch,
            self.own,
            self.reading,
            now=lambda: AT + timedelta(seconds=self.m.scheduler.seconds()),
            began=lambda _error: self.lost_at,
        )
        subscription = source.subscribe(self.seen.append)
        self.m.at(seconds * 1000, subscription.dispose)
        self.m.flush()

    @property
    def known(self) -> list[float]:
        """The seconds of all lines known at the end, in order, as a list that keeps each once shows them."""
        kept: dict[Any, LogLine] = {}
        for change in self.seen:
            if change.full:
                kept.clear()
            kept.update((key_of(each), each) for each in change.lines)
        return [(kept[key].at - AT).total_seconds() for key in sorted(kept)]


def page(*seconds: float, next_before: float | None = None) -> LogPage:
    before = None if next_before is None else id_at(AT + timedelta(seconds=next_before))
    return LogPage(lines=tuple(line(s) for s in sorted(seconds, reverse=True)), next_before=before)


def test_all_sources_stand_in_order_of_time(m: Marbles) -> None:
    bench = Bench(m, own(2.5))
    bench.newest = [page(1, 2, 3)]
    bench.at(0.1, Synced("e"))
    bench.at(1, LogFrame(lines=(line(4), line(6))))
    bench.says(1.2, own(5))
    bench.play(3)
    assert bench.known == [1, 2, 2.5, 3, 4, 5, 6]
    assert bench.feed.topics == []


def test_nothing_is_shown_before_the_server_has_answered(m: Marbles) -> None:
    bench = Bench(m, own(0.5))
    bench.newest = [page(1)]
    bench.at(0.1, Synced("e"))
    bench.play(1)
    first, second = bench.seen
    assert not first.loaded and first.full and not first.lines
    assert second.loaded and len(second.lines) == 2


def test_own_lines_from_before_the_oldest_page_wait_for_it(m: Marbles) -> None:
    bench = Bench(m, own(1), own(6))
    bench.newest = [page(5, 7, next_before=5)]
    bench.older = {id_at(AT + timedelta(seconds=5)): page(0, 3)}
    bench.at(0.1, Synced("e"))
    bench.asks(2)
    bench.asks(3)
    bench.play(4)
    assert [len(change.lines) for change in bench.seen] == [0, 3, 3]
    assert bench.seen[1].more and not bench.seen[2].more
    assert bench.known == [0, 1, 3, 5, 6, 7]
    assert len(bench.asked) == 2, "there is nothing older to be asked for"


def test_pages_in_which_little_was_found_lead_on_until_a_screen_is_full(
    m: Marbles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sources.logs.FEW_LINES", 3)
    bench = Bench(m)
    bench.newest = [page(next_before=50)]
    bench.older = {
        id_at(AT + timedelta(seconds=50)): page(next_before=20),
        id_at(AT + timedelta(seconds=20)): page(13, 14, next_before=13),
        id_at(AT + timedelta(seconds=13)): page(2, 3, next_before=2),
    }
    bench.at(0.1, Synced("e"))
    bench.play(1)
    assert bench.known == [2, 3, 13, 14]
    assert len(bench.asked) == 4
    assert bench.seen[-1].more


def test_what_was_missed_while_the_socket_was_down_comes_with_the_next_page(m: Marbles) -> None:
    bench = Bench(m)
    bench.newest = [page(1, 2), page(1, 2, 3, 4, 5)]
    bench.at(0.1, Synced("e"))
    bench.at(1, Lost())
    bench.at(2, LogFrame(lines=(line(5),)))
    bench.at(2.1, Synced("e"))
    bench.play(4)
    assert bench.known == [1, 2, 3, 4, 5]
    assert not any(change.full for change in bench.seen[1:])


def test_a_gap_wider_than_a_page_starts_the_list_over(m: Marbles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sources.logs.FEW_LINES", 2)
    bench = Bench(m)
    bench.newest = [page(1, 2), page(50, 51, next_before=50)]
    bench.at(0.1, Synced("e"))
    bench.at(1, Lost())
    bench.at(2, Synced("e"))
    bench.play(4)
    assert bench.known == [50, 51]
    assert bench.seen[-1].full and bench.seen[-1].more


def test_lines_that_were_told_live_before_a_page_come_once(
    m: Marbles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sources.logs.FEW_LINES", 2)
    bench = Bench(m)
    bench.newest = [page(1, 2), page(2, 3, 4), page(50, 51, next_before=50)]
    for at in (1, 4):
        bench.at(at, Lost())
    bench.at(1.5, LogFrame(lines=(line(3),)))
    bench.at(2, Synced("e"))
    bench.at(4.5, LogFrame(lines=(line(51), line(52))))
    bench.at(5, Synced("e"))
    bench.play(6)
    told: list[float] = []
    for change in bench.seen:
        told = [*([] if change.full else told), *((each.at - AT).total_seconds() for each in change.lines)]
    assert sorted(told) == [50, 51, 52], "what is newer than the page that starts the list over stays"
    before = [each.id for change in bench.seen[:-1] for each in change.lines]
    assert len(before) == len(set(before))


def test_polling_alone_brings_new_lines_once(m: Marbles) -> None:
    bench = Bench(m)
    bench.newest = [page(1), page(1, 2), page(1, 2, 3)]
    bench.at(0.0, Lost())
    bench.play(61)
    assert bench.known == [1, 2, 3]
    assert [len(change.lines) for change in bench.seen] == [0, 1, 1, 1]


def test_a_server_that_is_away_does_not_hide_what_the_console_says(m: Marbles) -> None:
    bench = Bench(m, own(1))
    bench.newest = [ServerUnreachable("No answer.")]
    bench.at(0.0, Lost())
    bench.says(0.5, own(2))
    bench.lost_at = AT - timedelta(seconds=40)
    bench.play(0.6)
    assert bench.known == [1, 2]
    assert bench.seen[-1].failure is not None and bench.seen[-1].failure.code == "server_unreachable"
    assert bench.seen[-1].failure.since == bench.lost_at


def test_what_is_known_is_as_old_as_the_last_word_of_the_server_not_of_the_console(m: Marbles) -> None:
    bench = Bench(m)
    bench.newest = [page(1), ServerUnreachable("No answer.")]
    bench.at(0.1, Synced("e"))
    bench.at(5, LogFrame(lines=(line(5),)))
    bench.at(6, Lost())
    bench.says(40, own(40))
    bench.play(50)
    seconds = [None if each.as_of is None else (each.as_of - AT).total_seconds() for each in bench.seen]
    assert seconds[0] is None and seconds[1] == pytest.approx(0.1) and set(seconds[2:]) == {5}
    assert bench.known[-1] == 40 and bench.seen[-1].failure is not None


def test_own_lines_have_the_times_of_the_servers_clock(m: Marbles) -> None:
    bench = Bench(m, own(1.5))
    bench.reading = Reading(
        scheduler=m.scheduler, feed=bench.feed, ours=lambda at: at - timedelta(seconds=3600)
    )
    bench.newest = [page(3601, 3602)]
    bench.at(0.1, Synced("e"))
    bench.says(0.5, own(4))
    bench.play(1, LogFilter(until=AT + timedelta(seconds=3604.5)))
    assert bench.known == [3601, 3601.5, 3602, 3604]


def test_dropped_lines_are_passed_on(m: Marbles) -> None:
    bench = Bench(m)
    bench.newest = [page(1)]
    bench.at(0.1, Synced("e"))
    bench.at(1, LogFrame(lines=(line(2),), dropped=70))
    bench.play(2)
    assert sum(change.dropped for change in bench.seen) == 70


def test_without_server_sources_the_server_is_not_asked(m: Marbles) -> None:
    bench = Bench(m, own(1))
    bench.newest = [page(5)]
    bench.play(40, LogFilter(sources=frozenset({LogSource.CONSOLE})))
    assert bench.asked == [] and bench.known == [1]
    assert bench.seen[0].loaded


def test_filters_hold_for_pages_frames_and_own_lines(m: Marbles) -> None:
    bench = Bench(m, own(1))
    bench.newest = [LogPage(lines=())]
    bench.at(0.1, Synced("e"))
    bench.at(
        1, LogFrame(lines=(line(2, run_id=7), line(3, run_id=8), line(4, level=LogLevel.DEBUG, run_id=7)))
    )
    bench.play(2, LogFilter(run_id=7))
    assert bench.known == [2]


def test_batches_of_one_redraw_are_merged_in_order_and_a_restart_wins(m: Marbles) -> None:
    a = LogChange((line(1), line(3)))
    b = LogChange((line(2),), dropped=2)
    c = LogChange((line(9),), full=True)
    merged = conflate_merge(LogChange.merge, 0.004, scheduler=m.scheduler)
    lines = LogChange((line(1), line(3)))
    m.expect(m.hot("ab---c-d--", {"a": lines, "b": b, "c": a, "d": c}).pipe(merged)).to_be(
        "x---y---z-", {"x": lines, "y": b, "z": LogChange((line(9),), full=True)}
    )
    m.flush()


def test_merging_keeps_the_order_of_late_lines() -> None:
    merged = LogChange((line(1), line(3))).merge(LogChange((line(2),), dropped=2)).merge(LogChange(dropped=1))
    assert [each.at for each in merged.lines] == [line(s).at for s in (1, 2, 3)]
    assert merged.dropped == 3
    over = merged.merge(LogChange((line(9),), full=True))
    assert over.full and over.lines == (line(9),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FINISHED", True),
        ("client=web", True),
        ("/fin.*web-\\d+/", True),
        ("/^web/", False),
        ("a.c", False),
        ("", True),
        ("/", False),
    ],
)
def test_text_and_expressions(text: str, found: bool) -> None:
    said = line(1, message="run finished", fields={"client": "web-03"})
    assert matcher(LogFilter(text=text))(said) is found


def test_an_expression_that_would_take_for_ever_elsewhere_takes_no_time() -> None:
    assert not Search("/(a+)+$/").found_in("a" * 50_000 + "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/(web/", 'Not an expression: missing ) in "(web".'),
        ("/[z-a]/", 'Not an expression: invalid character class range in "z-a".'),
        ("/" + "a" * 500 + "/", "The expression is longer than 400 characters."),
        ("/(?<=a)b/", 'Not an expression: invalid perl operator in "(?<'),
    ],
)
def test_a_wrong_expression_is_refused_with_the_part_that_is_wrong(text: str, said: str) -> None:
    with pytest.raises(WrongExpression) as refused:
        matcher(LogFilter(text=text))
    assert refused.value.message.startswith(said)


def test_places_of_what_was_found_are_those_of_the_text_as_characters() -> None:
    assert Search("ü").places("für Müller") == [(1, 2), (5, 6)]


def test_the_bag_gives_own_lines_for_an_export(m: Marbles) -> None:
    bench = Bench(m, own(1), own(2))
    streams = log_streams(bench.fetch, bench.own, bench.reading)
    assert len(streams.own(LogFilter(text="console 2"))) == 1
    m.flush()
