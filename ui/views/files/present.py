"""Texts of the files view: pure functions from records, with its columns and filters as data."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from streams.model.files import BackupFile, FilePage, FileQuery, FilesSummary
from streams.model.outcome import Outcome
from streams.model.vocabulary import EntryKind, FileState
from ui.base.format import UNKNOWN, Formatter, age_text, count_text, counted, ratio_text
from ui.base.theme import Tone, look
from ui.components.data_table.columns import CellKind, Column, StatusCell, TextCell
from ui.components.filter_cards import CardWords, FilterCard
from ui.components.toolbar import Choice

ANY = "any"
PAGE_ROWS = 100
COUNT_CAP = 10_000
_MIB, _GIB = 1024**2, 1024**3


def base_name(path: str) -> str:
    """Return the last part of a path, as the client wrote it; Windows paths too."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path


def folder_of(path: str) -> str:
    """Return what stands before the last part of a path."""
    return path[: len(path.rstrip("/\\")) - len(base_name(path))].rstrip("/\\") or "/"


def present_verified(file_state: FileState, verified_at: datetime | None, now: datetime) -> str:
    """Return what is known about the stored bytes, with its age."""
    if file_state is FileState.DAMAGED:
        return f"Checksum mismatch of the stored bytes, found {age_text(verified_at, now)}."
    if verified_at is not None:
        return f"Read and checked {age_text(verified_at, now)}."
    return "Checked when it was received, not read again since."


def file_columns(words: Formatter, clock: Callable[[], datetime]) -> tuple[Column[BackupFile], ...]:
    """Return the columns of the files table; the keys are the words of ``FileQuery.sort``."""

    def name(file: BackupFile) -> TextCell:
        mark = {EntryKind.FOLDER: "/", EntryKind.LINK: "@"}.get(file.kind, "")
        return TextCell(base_name(file.path) + mark, detail=folder_of(file.path), tooltip=file.path)

    def size(file: BackupFile) -> TextCell:
        if file.kind is not EntryKind.FILE:
            return TextCell(UNKNOWN)
        return TextCell(words.size(file.size_bytes), tooltip=words.exact_size(file.size_bytes))

    def date(file: BackupFile) -> TextCell:
        exact = (
            f"Backed up {words.exact_time(file.backed_up_at)}\nModified {words.exact_time(file.modified_at)}"
        )
        return TextCell(words.moment(file.backed_up_at, clock()), tooltip=exact)

    def status(file: BackupFile) -> StatusCell:
        state = look(file.state)
        why = present_verified(file.state, file.verified_at, clock())
        return StatusCell(state.word, state.icon, state.tone.color, why)

    def kind(file: BackupFile) -> TextCell:
        return TextCell(file.suffix or (UNKNOWN if file.kind is EntryKind.FILE else str(file.kind)))

    return (
        Column("name", "Name", name, CellKind.DETAIL, flex=3, min_width=180),
        Column("client", "Client", lambda file: TextCell(file.client_name), width=120, priority=3),
        Column("size", "Size", size, width=84, numeric=True),
        Column("suffix", "Type", kind, width=64, priority=4),
        Column(
            "date", "Date", date, width=92, numeric=True, priority=1, tooltip="When it was backed up last"
        ),
        Column(
            "versions",
            "Versions",
            lambda file: TextCell(count_text(file.version_count)),
            width=64,
            numeric=True,
            sortable=False,
            priority=5,
        ),
        Column("state", "Status", status, CellKind.STATUS, width=112, priority=2),
    )


# -- filters

CARDS = (
    FilterCard("files", "Files", "Show all files"),
    FilterCard("large", "Total size", "Show the largest files first"),
    FilterCard("recent", "Recent backups", "Show what was backed up within 24 h"),
    FilterCard("unverified", "Unverified", "Show what has not been read again since it was received"),
)
STATES = (
    Choice(ANY, "Any"),
    *(
        Choice(state.value, look(state).word.capitalize(), look(state).icon, look(state).tone)
        for state in FileState
    ),
)
SIZES = (
    Choice(ANY, "Any"),
    Choice("tiny", "Under 1 MiB"),
    Choice("small", "1 to 100 MiB"),
    Choice("large", "100 MiB to 1 GiB"),
    Choice("huge", "Over 1 GiB"),
)
_SIZE_RANGES: dict[str, tuple[int | None, int | None]] = {
    "tiny": (None, _MIB - 1),
    "small": (_MIB, 100 * _MIB),
    "large": (100 * _MIB, _GIB),
    "huge": (_GIB + 1, None),
}
DATES = (
    Choice(ANY, "Any"),
    Choice("1", "Last 24 h"),
    Choice("7", "Last 7 days"),
    Choice("30", "Last 30 days"),
    Choice("older", "Older than 30 days"),
)
_COMMON_TYPES = (
    *("csv", "doc", "docx", "gz", "html", "jpg", "json", "log", "md", "mp4"),
    *("pdf", "png", "py", "sql", "txt", "xlsx", "zip"),
)


@dataclass(frozen=True, slots=True)
class FileFilter:
    """What the toolbar is set to."""

    text: str = ""
    client_id: str = ANY
    suffix: str = ANY
    size: str = ANY
    date: str = ANY
    state: str = ANY
    sort: str = "name"
    descending: bool = False

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text) or {self.client_id, self.suffix, self.size, self.date, self.state} != {ANY}

    def query(self, now: datetime) -> FileQuery:
        """Return what to ask the database for, from the first page on."""
        least, most = _SIZE_RANGES.get(self.size, (None, None))
        days = int(self.date) if self.date.isdecimal() else None
        return FileQuery(
            client_id=_or_none(self.client_id),
            text=self.text,
            suffix=_or_none(self.suffix),
            state=None if self.state == ANY else FileState(self.state),
            min_bytes=least,
            max_bytes=most,
            since=now - timedelta(days=days) if days is not None else None,
            until=now - timedelta(days=30) if self.date == "older" else None,
            sort=self.sort,
            descending=self.descending,
            limit=PAGE_ROWS,
        )


SORTS = ("name", "client", "size", "suffix", "date", "state")
"""By what the columns can be sorted; the words of ``FileQuery.sort``."""


def kept_filter(kept: object) -> FileFilter:
    """Return the filter that was remembered; one that can no longer be read is no filter."""
    try:
        found = msgspec.convert(kept, FileFilter) if kept is not None else FileFilter()
    except msgspec.ValidationError:
        return FileFilter()
    if found.state not in {choice.key for choice in STATES}:
        return FileFilter()
    return found if found.sort in SORTS else replace(found, sort=SORTS[0])


def _or_none(value: str) -> str | None:
    return None if value == ANY else value


def present_kept(file: BackupFile, keep_deleted_days: float | None, words: Formatter) -> tuple[str, str]:
    """Return when a deleted file was deleted and until when it can be brought back, and exactly when."""
    if file.state is not FileState.DELETED:
        return "", ""
    if file.deleted_at is None:
        return "Deleted; kept until it is purged", ""
    exact = f"Deleted at {words.exact_time(file.deleted_at)}"
    if keep_deleted_days is None:
        return "Deleted; kept until it is purged", exact
    until = file.deleted_at + timedelta(days=keep_deleted_days)
    why = "It is kept longer while its client or one of its backups is protected"
    return f"Kept until {words.day_time(until)}", f"{exact}\nKept until {words.exact_time(until)}\n{why}"


def present_types(seen: Iterable[str]) -> tuple[Choice, ...]:
    """Return the choices of the type filter: common ones and those that have been seen."""
    return (Choice(ANY, "Any"), *(Choice(word, word) for word in sorted({*_COMMON_TYPES, *seen} - {""})))


def present_cards(summary: FilesSummary, words: Formatter) -> dict[str, CardWords]:
    """Return the numbers of the four cards."""
    files, unverified = summary.file_count, summary.unverified_count
    ratio = unverified / files if files else None
    damaged = f"{count_text(summary.damaged_count)} damaged" if summary.damaged_count else ""
    return {
        "files": _card_of_files(summary),
        "large": CardWords(
            words.size(summary.total_bytes),
            f"{words.size(summary.blob_bytes)} on disk",
            f"{words.exact_size(summary.total_bytes)} before, {words.exact_size(summary.blob_bytes)} after "
            "compression and deduplication",
        ),
        "recent": CardWords(
            count_text(summary.recent_run_count),
            "in 24 h",
            f"{counted(summary.recent_run_count, 'backup')} ended complete or in part; "
            "those that failed or were cancelled are not counted",
        ),
        "unverified": CardWords(
            ratio_text(ratio, digits=1),
            damaged,
            f"{count_text(unverified)} of {counted(files, 'file')}",
            tone=Tone.BAD if summary.damaged_count else None,
        ),
    }


def _card_of_files(summary: FilesSummary) -> CardWords:
    vanished, deleted = count_text(summary.vanished_count), count_text(summary.deleted_count)
    more = [f"+ {vanished} vanished"] if summary.vanished_count else []
    told = [f"{counted(summary.file_count, 'file')} on the clients"]
    if summary.vanished_count:
        told.append(f"{vanished} no longer are: these are kept and listed all the same")
    if summary.deleted_count:
        more.append(f"{deleted} deleted")
        told.append(f"{deleted} are deleted: these are kept until they are purged")
    return CardWords(count_text(summary.file_count), ", ".join(more), "\n".join(told))


def present_total(page: FilePage) -> str:
    """Return how many there are: ``1,204``, or ``10,000+`` where counting stopped."""
    if page.total is None:
        return "many"
    return f"{count_text(page.total)}+" if page.total_capped else count_text(page.total)


def present_place(page: FilePage, number: int | None) -> str:
    """Return where a page stands; ``number`` None after a leap to the end of an uncounted list."""
    total = present_total(page)
    if not page.rows:
        return "No files"
    if number is None:
        return f"{counted(len(page.rows), 'file')} at the end of {total}"
    first = number * PAGE_ROWS
    return f"{count_text(first + 1)}–{count_text(first + len(page.rows))} of {total}"


# -- outcomes


def present_done(verb: str, outcome: Outcome, names: Sequence[str]) -> str:
    """Return what happened to files: ``report.pdf deleted``, ``3 files deleted, 1 refused: purged``."""
    what = names[0] if len(names) == 1 and len(outcome.done) == 1 else counted(len(outcome.done), "file")
    text = f"{what} {verb}"
    if outcome.refused:
        text += f", {count_text(len(outcome.refused))} refused: {next(iter(outcome.refused.values()))}"
    return text
