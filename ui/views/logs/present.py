"""The words of the log view, without a control."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import flet as ft
import msgspec

from streams.model.log_match import Search
from streams.model.logs import LogFilter, LogLine
from streams.model.vocabulary import LogLevel, LogSource
from ui.base.context import Place
from ui.base.deep_links import file_place
from ui.base.format import Formatter
from ui.base.theme import StateLook, Tone
from ui.components.data_table.cells import text_columns

LEVEL_LOOKS: Final = {
    LogLevel.DEBUG: StateLook("debug", ft.Icons.BUG_REPORT_OUTLINED, Tone.QUIET),
    LogLevel.INFO: StateLook("info", ft.Icons.INFO_OUTLINE, Tone.QUIET),
    LogLevel.WARNING: StateLook("warning", ft.Icons.WARNING_AMBER, Tone.WARNING),
    LogLevel.ERROR: StateLook("error", ft.Icons.ERROR, Tone.BAD),
}
SOURCE_WORDS: Final = {
    LogSource.CONSOLE: "console",
    LogSource.SERVER: "server",
    LogSource.DATABASE: "database",
    LogSource.AUDIT: "audit",
}
LONGEST_ROW: Final = 400
"""Characters of a row; the details have the whole line."""
BUCKETS: Final = 80
_STEPS_S: Final = (
    0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 3 * 3600, 6 * 3600, 12 * 3600, 86400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a row's text."""

    text: str
    quiet: bool = False
    found: bool = False


def clock_text(at: datetime, formatter: Formatter) -> str:
    """Return the time of day to the millisecond."""
    return f"{formatter.clock(at)}.{at.microsecond // 1000:03d}"


def fields_text(line: LogLine) -> str:
    """Return the fields of a line as they follow its message."""
    fields = ((name, value) for name, value in line.fields.items() if name != "exception")
    return " ".join(f"{name}={_one_line(value)}" for name, value in fields)


def present_pieces(line: LogLine, search: Search) -> tuple[Piece, ...]:
    """Return the text of a row in pieces: message and fields, with what was searched for marked in both."""
    message, fields = _one_line(line.message)[:LONGEST_ROW], fields_text(line)
    if "exception" in line.fields:
        last = line.fields["exception"].strip().rpartition("\n")[2]
        fields = f"{fields} {last}".strip()
    fields = fields[: LONGEST_ROW - len(message)] if len(message) < LONGEST_ROW else ""
    pieces = _marked(message, search, quiet=False)
    if fields:
        pieces += [Piece("  ", quiet=True), *_marked(fields, search, quiet=True)]
    return tuple(pieces)


def cut_pieces(pieces: tuple[Piece, ...], columns: float) -> tuple[Piece, ...]:
    """Return what fits into so many columns of the monospace face; the end says so where something is cut.

    The toolkit cuts a text of several styles without a word.
    """
    if sum(text_columns(piece.text) for piece in pieces) <= columns:
        return pieces
    room = columns - 1
    kept: list[Piece] = []
    for piece in pieces:
        wide = text_columns(piece.text)
        if wide > room:
            kept.append(replace(piece, text=_beginning(piece.text, room) + "…"))
            break
        kept.append(piece)
        room -= wide
    return tuple(kept)


def _beginning(text: str, columns: float) -> str:
    taken = 0
    for at, char in enumerate(text):
        taken += text_columns(char)
        if taken > columns:
            return text[:at]
    return text


def _one_line(text: str) -> str:
    return " ⏎ ".join(text.splitlines()) if "\n" in text else text


def _marked(text: str, search: Search, *, quiet: bool) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for start, end in search.places(text) if search else ():
        if start > at:
            pieces.append(Piece(text[at:start], quiet))
        pieces.append(Piece(text[start:end], quiet, found=True))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:], quiet))
    return pieces


def copy_text(line: LogLine) -> str:
    """Return a whole line as text, as the clipboard and an exported file have it."""
    head = f"{line.at.isoformat(timespec='milliseconds')}  {line.level.upper():<7}  {line.source:<8}"
    about = "".join(
        f" {name}={value}"
        for name, value in (("client_id", line.client_id), ("correlation_id", line.correlation_id))
        if value is not None
    )
    trace = line.fields.get("exception", "")
    body = f"{head}  {line.message}  {fields_text(line)}{about}  ({line.logger})"
    return f"{body}\n{trace.rstrip()}" if trace else body


@dataclass(frozen=True, slots=True)
class Lead:
    """Somewhere a line leads to."""

    label: str
    icon: ft.IconData
    place: Place


def present_leads(line: LogLine) -> list[Lead]:
    """Return where a line leads: its client, its file, and the lines that belong to it."""
    leads: list[Lead] = []
    if line.client_id is not None:
        name = line.fields.get("client", "")
        label = f"Client {name}" if name and name != line.client_id else "Its client"
        leads.append(Lead(label, ft.Icons.DEVICES_OTHER, Place("clients", f"client:{line.client_id}")))
    path = line.fields.get("file", "")
    if path and line.source is not LogSource.CONSOLE:  # a file of the console is one of its own
        leads.append(Lead("Its file", ft.Icons.FOLDER_COPY, _file_place(line, path)))
    if line.run_id is not None:
        leads.append(
            Lead(f"Lines of run {line.run_id}", ft.Icons.SUBJECT, Place("logs", f"run:{line.run_id}"))
        )
    if line.correlation_id is not None:
        place = Place("logs", f"correlation:{line.correlation_id}")
        leads.append(Lead("All lines of this request", ft.Icons.LINK, place))
    return leads


def _file_place(line: LogLine, path: str) -> Place:
    if line.client_id is None:
        return Place("files", f"file:{path}")
    return file_place(line.client_id, path)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many lines were said, by level, in equal steps of time."""

    since: datetime
    step_s: float
    counts: tuple[tuple[int, int, int], ...]
    """For each step the lines below warning, the warnings and the errors."""

    @property
    def until(self) -> datetime:
        """The end of the last step."""
        return self.since + timedelta(seconds=self.step_s * len(self.counts))

    def moment(self, ratio: float) -> datetime:
        """Return the begin of the step at this part of the width."""
        step = int(max(0.0, min(0.9999, ratio)) * len(self.counts))
        return self.since + timedelta(seconds=self.step_s * step)


def present_volume(lines: Sequence[LogLine]) -> Volume | None:
    """Count lines that are in order of time, in at most ``BUCKETS`` steps of a round length."""
    if not lines:
        return None
    first, last = lines[0].at.timestamp(), lines[-1].at.timestamp()
    step_s = next((s for s in _STEPS_S if int(last / s) - int(first / s) < BUCKETS), _STEPS_S[-1])
    start = int(first / step_s)
    length = min(int(last / step_s) - start + 1, BUCKETS * 50)
    since = datetime.fromtimestamp(start * step_s, lines[0].at.tzinfo)
    # Boundaries are searched for and slices counted: twenty thousand lines, once a second, on the loop.
    levels = [line.level for line in lines]
    counts: list[tuple[int, int, int]] = []
    begin = 0
    for step in range(1, length + 1):
        end = len(lines)
        if step < length:
            end = bisect_left(lines, since + timedelta(seconds=step * step_s), lo=begin, key=_moment)
        part = levels[begin:end]
        warnings, errors = part.count(LogLevel.WARNING), part.count(LogLevel.ERROR)
        counts.append((len(part) - warnings - errors, warnings, errors))
        begin = end
    return Volume(since, step_s, tuple(counts))


def _moment(line: LogLine) -> datetime:
    return line.at


def present_filter(wanted: LogFilter) -> dict[str, str]:
    """Return in words what a filter lets through, for the head of an exported file."""
    words = {
        "sources": ", ".join(s for s in LogSource if s in wanted.sources) or "none",
        "levels": ", ".join(level for level in LogLevel if level in wanted.levels) or "none",
    }
    for name in ("text", "client_id", "run_id", "correlation_id", "until"):
        value = getattr(wanted, name)
        if value not in (None, ""):
            words[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return words


def export_text(lines: Sequence[LogLine], wanted: LogFilter, at: datetime, *, cut: bool) -> bytes:
    """Return lines as text, with the filter in the head."""
    head = [f"# Tidewatch log, exported {at.isoformat(timespec='seconds')}"]
    head += [f"# {name}: {value}" for name, value in present_filter(wanted).items()]
    head.append(f"# lines: {len(lines)}{' (the newest; there are more)' if cut else ''}")
    return "\n".join([*head, "", *(copy_text(line) for line in lines), ""]).encode()


def export_json_lines(lines: Sequence[LogLine], wanted: LogFilter, at: datetime, *, cut: bool) -> bytes:
    """Return lines as JSON, one a line; the first says what was exported."""
    head = {
        "export": {
            "program": "Tidewatch",
            "at": at.isoformat(timespec="seconds"),
            "filter": present_filter(wanted),
            "lines": len(lines),
            "complete": not cut,
        }
    }
    return b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *lines))
