"""Streams that are asked for with a period or a filter: analytics and logs."""

from typing import Any

from reactivex.subject import Subject

from streams.model.analytics import AnalyticsQuery
from streams.model.logs import LogFilter, LogPage
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from streams.ports.logs import LogChange
from tests.contract.conftest import Screen
from tests.servers import until

WEEK = AnalyticsQuery(span_s=7 * 86400)
SERVER = ("backups", "hours", "performance", "storage")


async def test_every_history_says_something_at_once_and_then_its_answer(screen: Screen) -> None:
    for name in SERVER:
        seen: list[Snapshot[Any]] = []
        looking = getattr(screen.streams.analytics, name)(WEEK).subscribe(seen.append)
        assert isinstance(seen[0], Snapshot), name
        await until(lambda seen=seen: seen[-1].health is Health.OK)
        assert seen[-1].value is not None and seen[-1].at is not None, name
        looking.dispose()


async def test_a_history_covers_what_was_asked_for(screen: Screen) -> None:
    seen: list[Snapshot[Any]] = []
    looking = screen.streams.analytics.backups(WEEK).subscribe(seen.append)
    await until(lambda: seen[-1].health is Health.OK)
    told = seen[-1].value
    assert told is not None
    assert abs((told.until - told.since).total_seconds() - 7 * 86400) <= told.step_s * 2
    assert [each.at for each in told.intervals] == sorted(each.at for each in told.intervals)
    looking.dispose()


async def test_the_log_begins_with_all_there_is_and_older_lines_come_when_asked_for(screen: Screen) -> None:
    older: Subject[None] = Subject()
    seen: list[LogChange] = []
    looking = screen.streams.logs.lines(LogFilter(), older).subscribe(seen.append)
    await until(lambda: any(change.loaded for change in seen))
    assert seen[0].full
    older.on_next(None)
    # A full change stands for all that came before it.
    newest = max(number for number, change in enumerate(seen) if change.full)
    lines = [line for change in seen[newest:] for line in change.lines]
    assert len({line.id for line in lines}) == len(lines), "a line came twice"
    looking.dispose()
    told = len(seen)
    older.on_next(None)
    assert len(seen) == told


async def test_a_page_of_the_log_is_one_answer_newest_first(screen: Screen) -> None:
    pages: list[LogPage] = []
    ended: list[bool] = []
    screen.streams.logs.page(LogFilter(), None).subscribe(
        pages.append, on_completed=lambda: ended.append(True)
    )
    await until(lambda: ended)
    assert len(pages) == 1
    numbers = [line.id for line in pages[0].lines]
    assert numbers == sorted(numbers, reverse=True)
    assert all(line.message for line in screen.streams.logs.own(LogFilter()))
