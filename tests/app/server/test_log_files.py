"""Log files are read in order, after clocks that were set back, torn lines and bad files."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.runtime.log_handler import line_of
from app.server import logbook
from app.server.hub import Hub, Limits
from app.server.log_files import LogFiles
from app.server.logbook import Logbook
from streams.model.logs import LogFilter, LogLine, id_at
from streams.model.vocabulary import LogLevel, LogSource

AT = datetime(2026, 3, 1, tzinfo=UTC)


def _line(number: int, text: str = "x") -> LogLine:
    return LogLine(
        id=number, at=AT, level=LogLevel.INFO, source=LogSource.SERVER, logger="x", message=f"{number} {text}"
    )


def _paged(files: LogFiles, limit: int, most_read: int = 100) -> list[int]:
    seen: list[int] = []
    before: int | None = 2**62
    while before is not None:
        lines, before = files.newest_first(before, lambda _line: True, limit=limit, most_read=most_read)
        seen += [line.id for line in lines]
    return seen


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    starts=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 30)), min_size=1, max_size=5),
    limit=st.integers(1, 40),
    size=st.integers(200, 3000),
)
def test_every_line_is_reached_whatever_the_clocks_did(
    tmp_path_factory: pytest.TempPathFactory, starts: list[tuple[int, int]], limit: int, size: int
) -> None:
    files = LogFiles(tmp_path_factory.mktemp("logs"), file_bytes=size, kept_files=200)
    written: list[int] = []
    for first, count in starts:
        numbers = range(first, first + count)
        written += numbers
        for number in numbers:
            files.append([_line(number)])
    assert _paged(files, limit) == sorted(written, reverse=True)
    assert _paged(files, limit, most_read=3) == sorted(written, reverse=True)
    assert files.newest_id() == max(written)


def test_what_is_no_line_costs_no_other(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=400, kept_files=50)
    rest: Sequence[bytes] = (
        b"\0" * 5000,  # what a file system leaves after a power cut
        bytes(range(256)) * 20,
        b'{"id":7,"at":',
        b'{"id":99999999999999999999999,',
        b'\xff\xfe{"id":3',
        b"x" * 200_000,
        b"\n\r\n\n",
    )
    for number, junk in enumerate(rest):
        files.append([_line(2 * number + 10), _line(2 * number + 11)])
        with (tmp_path / "server.jsonl").open("ab") as file:
            file.write(junk)
    files.append([_line(100)])
    assert _paged(files, 3) == [100, *range(23, 9, -1)]


def test_a_file_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=1, kept_files=5)
    for number in range(1, 5):
        files.append([_line(number)])
    (tmp_path / "server.2.jsonl").unlink()
    (tmp_path / "server.2.jsonl").mkdir()
    assert _paged(files, 10) == [4, 3, 1]


async def test_numbers_go_on_after_a_clock_that_was_ahead(tmp_path: Path) -> None:
    ahead = id_at(datetime.now(UTC) + timedelta(days=400))
    files = LogFiles(tmp_path / logbook.FOLDER)
    await asyncio.to_thread(files.append, [_line(ahead - 1), _line(ahead)])
    book = Logbook(tmp_path, Hub(Limits()))
    async with book.listening():
        logging.getLogger("app.server.x").warning("after the clock was set right")
        await asyncio.sleep(0)
        everything = await book.page(LogFilter(), None, 10)
        numbers = [line.id for line in everything.lines]
        assert numbers == sorted(numbers, reverse=True)
        assert numbers[-2:] == [ahead, ahead - 1]
        assert numbers[-3] > ahead
        until = await book.page(LogFilter(until=datetime.now(UTC) + timedelta(minutes=1)), None, 10)
        assert "after the clock was set right" in [line.message for line in until.lines]


def test_text_that_is_no_unicode_costs_no_batch(tmp_path: Path) -> None:
    said: list[object] = ["one", "tw\udcff", {"event": "seen", "\udc80": "\udc81", "run": 2**70}]
    # Not through a logger: what captures its lines for the report of a test cannot write them either.
    records = [logging.LogRecord("app.x\udc80", logging.INFO, "", 0, each, None, None) for each in said]
    lines = [line_of(record, LogSource.SERVER, number) for number, record in enumerate(records, 1)]
    files = LogFiles(tmp_path)
    files.append(lines)
    found, _ = files.newest_first(2**62, lambda _: True, limit=9, most_read=9)
    assert [line.message for line in found] == ["seen", "tw\\udcff", "one"]
    assert found[0].fields["\\udc80"] == "\\udc81"
    assert found[0].run_id is None
