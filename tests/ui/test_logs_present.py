"""The words, counts and shelves of the log view, without a control."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.model.log_match import Search
from streams.model.logs import LogFilter, LogLine
from streams.model.vocabulary import LogLevel, LogSource
from streams.ports.logs import LogChange, key_of
from ui.base.context import Place
from ui.base.format import Formatter
from ui.views.logs.buffer import LineBuffer
from ui.views.logs.deeplink import led_to
from ui.views.logs.paused_lines import PausedLines
from ui.views.logs.present import (
    Piece,
    clock_text,
    copy_text,
    cut_pieces,
    export_json_lines,
    export_text,
    present_leads,
    present_pieces,
    present_volume,
)

AT = datetime(2026, 3, 11, 14, 2, 11, 204000, tzinfo=UTC)


def line(second: float = 0.0, *, number: int | None = None, **parts: Any) -> LogLine:
    said: dict[str, Any] = {
        "level": LogLevel.INFO,
        "source": LogSource.SERVER,
        "logger": "app.server",
        "message": "run finished",
        **parts,
    }
    return LogLine(
        id=int(second * 1000) if number is None else number, at=AT + timedelta(seconds=second), **said
    )


def change(*seconds: float, **parts: Any) -> LogChange:
    return LogChange(tuple(line(second) for second in seconds), **parts)


def seconds(held: PausedLines) -> list[float]:
    return [(each.at - AT).total_seconds() for each in held.lines]


@given(st.lists(st.lists(st.integers(0, 60), max_size=8), max_size=12))
def test_a_buffer_is_what_a_sorted_set_would_be(batches: list[list[int]]) -> None:
    buffer = LineBuffer(25)
    known: set[Any] = set()
    for batch in batches:
        lines = sorted((line(second) for second in set(batch)), key=key_of)
        buffer.insert(lines)
        # What fell out at the old end may come again; what is kept is the newest of what is known.
        known = set(sorted(known | {key_of(each) for each in lines})[-25:])
        assert [key_of(each) for each in buffer.lines] == sorted(known)
        assert all(buffer.index_of(key_of(each)) == i for i, each in enumerate(buffer.lines))


def test_standing_still_puts_older_lines_above_and_lets_newer_ones_wait() -> None:
    held = PausedLines()
    held.take(change(5, 6, 7, more=True))
    held.pause()
    held.take(change(1, 2))
    held.take(change(6.5, 8, 9))
    assert seconds(held) == [1, 2, 5, 6, 7] and held.new == 3
    held.follow()
    assert seconds(held) == [1, 2, 5, 6, 6.5, 7, 8, 9] and held.new == 0


def test_a_list_that_starts_over_while_it_stands_still_is_replaced_when_it_goes_on() -> None:
    held = PausedLines()
    held.take(change(1, 2))
    held.pause()
    held.take(LogChange(full=True, loaded=False))
    held.take(change(50, 51))
    assert seconds(held) == [1, 2] and held.new == 2
    held.follow()
    assert seconds(held) == [50, 51]


def test_other_lines_take_the_place_of_these_only_once_they_are_there() -> None:
    held = PausedLines()
    held.take(change(1, 2))
    held.start_over()
    held.take(LogChange(full=True, loaded=False))
    assert seconds(held) == [1, 2]
    held.take(change(9))
    assert seconds(held) == [9]


def test_what_waits_is_bounded_and_counted_whole() -> None:
    held = PausedLines(most=10, most_waiting=5)
    held.take(change(1))
    held.pause()
    for second in range(2, 100):
        held.take(change(second, dropped=1))
    assert (held.new, len(held.waiting), held.dropped) == (98, 5, 98)


def test_a_row_says_message_and_fields_and_marks_what_was_searched_for() -> None:
    said = line(fields={"client": "web-03", "exception": "Traceback\n  x\nValueError: no\n"})
    assert "".join(piece.text for piece in present_pieces(said, Search(""))) == (
        "run finished  client=web-03 ValueError: no"
    )
    pieces = present_pieces(said, Search("/web|FIN/"))
    assert [(piece.text, piece.quiet) for piece in pieces if piece.found] == [("fin", False), ("web", True)]
    assert clock_text(said.at, Formatter()) == "14:02:11.204"
    broken = "".join(piece.text for piece in present_pieces(line(message="a\nb"), Search("")))
    assert broken == "a ⏎ b"


def test_a_line_leads_to_what_it_is_about() -> None:
    said = line(
        client_id="c1", run_id=8812, correlation_id="cor", fields={"client": "web-03", "path": "/api/x"}
    )
    assert [(lead.label, lead.place) for lead in present_leads(said)] == [
        ("Client web-03", Place("clients", "client:c1")),
        ("Lines of run 8812", Place("logs", "run:8812")),
        ("All lines of this request", Place("logs", "correlation:cor")),
    ]
    damaged = line(file_id=7, fields={"file": "docs/a.txt"})
    assert present_leads(damaged)[0].place == Place("files", "file:docs/a.txt")
    mine = line(client_id="c1", fields={"file": "docs/a.txt"})
    assert present_leads(mine)[1].place == Place("files", "path:c1:docs/a.txt")
    own = line(source=LogSource.CONSOLE, fields={"file": "tidewatch.toml"})
    assert present_leads(own) == present_leads(line()) == []


@pytest.mark.parametrize(
    ("show", "wanted", "moment"),
    [
        ("client:c1", LogFilter(client_id="c1"), None),
        ("client:c1:web-03", LogFilter(client_id="c1"), None),
        ("run:8812", LogFilter(run_id=8812), None),
        ("correlation:x", LogFilter(correlation_id="x"), None),
        ("errors", LogFilter(levels=frozenset({LogLevel.WARNING, LogLevel.ERROR})), None),
        ("source:database", LogFilter(sources=frozenset({LogSource.DATABASE})), None),
        ("all", LogFilter(), None),
        ("at:2026-03-11T14:02:11.204+00:00", LogFilter(), AT),
        ("?client=c1&level=error&text=disk", None, None),
    ],
)
def test_the_words_that_lead_to_the_log(show: str, wanted: LogFilter | None, moment: datetime | None) -> None:
    expected = wanted or LogFilter(client_id="c1", levels=frozenset({LogLevel.ERROR}), text="disk")
    assert led_to(show) == (expected, moment)


@pytest.mark.parametrize("show", ["", "at:yesterday", "run:x", "source:moon", "?text=/(/", "nonsense:1"])
def test_what_is_no_word_leads_nowhere(show: str) -> None:
    assert led_to(show) is None


def test_volume_counts_every_line_once_in_steps_of_a_round_length() -> None:
    levels = {0: LogLevel.ERROR, 1: LogLevel.WARNING}
    lines = [line(i * 0.7, level=levels.get(i % 10, LogLevel.INFO)) for i in range(1000)]
    volume = present_volume(lines)
    assert volume is not None
    assert [sum(counts) for counts in zip(*volume.counts, strict=True)] == [800, 100, 100]
    assert volume.step_s == 10 and len(volume.counts) <= 80
    assert volume.since <= lines[0].at and volume.until > lines[-1].at
    assert volume.moment(0.0) == volume.since
    assert present_volume([]) is None
    single = present_volume([line()])
    assert single is not None and single.counts == ((1, 0, 0),)


def test_exports_carry_the_filter_and_whole_lines() -> None:
    wanted = LogFilter(text="/web/", run_id=7)
    lines = [line(fields={"exception": "Traceback\nValueError: no"}, client_id="c1")]
    text = export_text(lines, wanted, AT, cut=True).decode()
    assert "# text: /web/" in text and "# run_id: 7" in text and "there are more" in text
    assert "client_id=c1" in text and text.endswith("ValueError: no\n")
    head, row = export_json_lines(lines, wanted, AT, cut=False).splitlines()
    assert json.loads(head)["export"]["filter"]["text"] == "/web/"
    assert json.loads(row)["message"] == "run finished"
    assert copy_text(lines[0]).startswith("2026-03-11T14:02:11.204+00:00  INFO")


@pytest.mark.parametrize(
    ("columns", "shown"),
    [(11, "runs id=web"), (10, "runs id=w…"), (5, "runs…"), (4, "run…"), (1, "…"), (0, "…")],
)
def test_a_row_that_is_cut_says_so(columns: int, shown: str) -> None:
    pieces = (Piece("runs"), Piece(" id=", quiet=True), Piece("web", found=True))
    assert "".join(piece.text for piece in cut_pieces(pieces, columns)) == shown


def test_a_wide_sign_takes_two_columns() -> None:
    assert cut_pieces((Piece("備份完成"),), 7)[0].text == "備份完…"
    assert cut_pieces((Piece("備份完成"),), 8)[0].text == "備份完成"
