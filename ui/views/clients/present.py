"""Texts of the clients view: pure functions from records, with its columns and filters as data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.model.clients import Client
from streams.model.runs import Progress
from streams.model.safe_text import label_text
from streams.model.vocabulary import ClientState
from ui.base.format import (
    UNKNOWN,
    Formatter,
    age_text,
    count_text,
    counted,
    ratio_text,
    rough_duration_text,
)
from ui.base.theme import (
    BACKING_UP,
    BACKUP_QUEUED,
    FAILING,
    OVERDUE,
    QUIET_INK,
    TO_BE_REMOVED,
    StateLook,
    Tone,
    look,
)
from ui.components.data_table.columns import CellKind, Column, ProgressCell, StatusCell, TextCell
from ui.views.shared.client_state import (
    is_failing,
    is_marked,
    is_overdue,
)
from ui.views.shared.revoked_client import WORDS, enrol_command

MARKED = "It is to be removed: undo that first"
PROTECTED = "It is protected: it is not removed, and its deleted files are not purged."
_NOW = datetime.max.replace(tzinfo=UTC)
"""Stands for now where clients are sorted by when they were heard of: it does not move."""


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client and, while it backs up, how far it is."""

    client: Client
    progress: Progress | None = None

    @property
    def running(self) -> bool:
        """Whether a backup of it runs."""
        return self.client.running_run_id is not None


# -- state


def present_state(row: ClientRow, now: datetime) -> StateLook:
    """Return the one look that matters most: what runs, then what is wrong, then how it is connected."""
    client = row.client
    if is_marked(client):
        return TO_BE_REMOVED
    if client.state is ClientState.REVOKED:  # what it had begun will be ended, too
        return look(client.state)
    if row.running:
        return BACKING_UP
    if client.state is ClientState.DISCONNECTED:
        return look(client.state)
    if is_failing(client):
        return FAILING
    if client.state is ClientState.NEVER:
        return look(client.state)
    if client.backup_queued:
        return BACKUP_QUEUED
    if is_overdue(client, now):
        return OVERDUE
    return look(client.state)


def present_besides(row: ClientRow, words: Formatter, now: datetime) -> str:
    """Return what the one word of the state does not say: when it is removed, or that it is not connected."""
    if row.client.destroy_at is not None:
        return words.date(row.client.destroy_at, now)
    away = row.client.state is ClientState.OFFLINE
    told = present_state(row, now)
    return look(ClientState.OFFLINE).word if away and told in (FAILING, OVERDUE) else ""


def present_state_why(row: ClientRow, words: Formatter, now: datetime) -> str:
    """Return the sentence behind the state, for the tooltip."""
    client = row.client
    # No age here: a tooltip that changes each second would cost a message each second.
    parts = [f"{look(client.state).word.capitalize()}."]
    if client.last_seen_at is None:
        parts = ["Its agent has not connected yet."]
    if client.state is ClientState.REVOKED:
        parts = [f"{WORDS} On the server: {enrol_command(client.name)}."]
    if client.destroy_at is not None:
        at = words.exact_time(client.destroy_at)
        parts = [f"It is removed for good at {at}, with all that is kept of it, unless that is undone."]
    if client.protected:
        parts.append(PROTECTED)
    if client.failing_since is not None:
        since = words.moment(client.failing_since, now)
        parts.append(f"Failing since {since}: {client.failure_reason or 'no reason was given'}.")
    if is_overdue(client, now):
        parts.append(f"No good backup within its goal of {rough_duration_text(client.goal_s)}.")
    if client.backup_queued:
        parts.append("A backup begins when it is back.")
    return " ".join(parts)


def present_progress(row: ClientRow, words: Formatter) -> ProgressCell:
    """Return bar and words of a running backup; of one that waits for its client that it does."""
    if not row.running:
        return ProgressCell("begins when it is back" if row.client.backup_queued else "")
    progress = row.progress
    if progress is None:
        return ProgressCell("starting", None, active=True)
    ratio = progress_ratio(progress)
    if ratio is None:
        return ProgressCell(f"scanning, {counted(progress.files_done, 'file')}", 0.0, active=True)
    left = f"{rough_duration_text(progress.eta_s)} left" if progress.eta_s is not None else ""
    return ProgressCell(
        f"{ratio_text(ratio)}  {words.rate(progress.rate_bps)}", ratio, active=True, tooltip=left
    )


def progress_ratio(progress: Progress) -> float | None:
    """Return how much of its bytes a run has done; None while it still scans."""
    if progress.bytes_total is None:
        return None
    return 1.0 if progress.bytes_total == 0 else min(1.0, progress.bytes_done / progress.bytes_total)


def present_seen(
    client: Client, words: Formatter, now: datetime, as_of: datetime | None = None
) -> tuple[str, str]:
    """Return when a client was heard of last, and exactly when: of one that is connected that is now.

    With ``as_of`` the server is lost since then: nobody knows more of who was connected.
    """
    at = client.last_seen_at
    if client.state is not ClientState.ONLINE:
        return age_text(at, now), words.exact_time(at)
    if as_of is None:
        return "now", words.exact_time(at)
    heard = f"It was online when the server was last heard, at {words.exact_time(as_of)}"
    return age_text(as_of, now), heard


def present_file_counts(client: Client) -> tuple[str, str]:
    """Return how many files are on a client and how many were, and what these numbers are."""
    if not client.vanished_count:
        return count_text(client.file_count), ""
    present, vanished = count_text(client.file_count), count_text(client.vanished_count)
    story = f"{present} are on the client, {vanished} no longer are: these are kept and listed all the same"
    return f"{present} + {vanished} vanished", story


# -- columns


def present_goal(seconds: float) -> str:
    """Return a goal in words: ``every 24 h``, ``every 7 d``."""
    if seconds < 2 * 86400.0:
        return f"every {seconds / 3600:g} h"
    return f"every {seconds / 86400:g} d"


def client_columns(
    words: Formatter, clock: Callable[[], datetime], as_of: Callable[[], datetime | None] = lambda: None
) -> tuple[Column[ClientRow], ...]:
    """Return the columns of the clients table; ``as_of`` tells since when no more is known, if that is so."""

    def name(row: ClientRow) -> TextCell:
        if row.client.protected:
            return TextCell(row.client.name, "protected", PROTECTED)
        return TextCell(row.client.name)

    def short_id(row: ClientRow) -> TextCell:
        return TextCell(f"{row.client.id[:8]}…", tooltip=row.client.id, color=QUIET_INK)

    def status(row: ClientRow) -> StatusCell:
        now = clock()
        state = present_state(row, now)
        why, besides = present_state_why(row, words, now), present_besides(row, words, now)
        return StatusCell(state.word, state.icon, state.tone.color, why, besides)

    def seen(row: ClientRow) -> TextCell:
        text, exact = present_seen(row.client, words, clock(), as_of())
        return TextCell(text, tooltip=exact)

    def good(row: ClientRow) -> TextCell:
        at, now = row.client.last_success_at, clock()
        color = Tone.WARNING.color if is_overdue(row.client, now) else None
        return TextCell(age_text(at, now), tooltip=words.exact_time(at), color=color)

    def size(row: ClientRow) -> TextCell:
        client = row.client
        if client.last_success_at is None and not client.stored_bytes:
            return TextCell(UNKNOWN)
        files = f"{words.exact_size(client.stored_bytes)} in {counted(client.file_count, 'file')}"
        return TextCell(words.size(client.stored_bytes), tooltip=files)

    return (
        Column(
            "name",
            "Name",
            name,
            CellKind.DETAIL,
            min_width=130,
            sort_key=lambda row: row.client.name.casefold(),
        ),
        Column("id", "ID", short_id, CellKind.MONO, width=84, priority=5, sort_key=lambda row: row.client.id),
        Column(
            "state",
            "Status",
            status,
            CellKind.STATUS,
            width=146,
            sort_key=lambda row: present_state(row, clock()).word,
        ),
        Column(
            "progress",
            "Progress",
            lambda row: present_progress(row, words),
            CellKind.PROGRESS,
            width=196,
            priority=2,
            sort_key=lambda row: None if row.progress is None else progress_ratio(row.progress) or 0.0,
        ),
        Column(
            "seen",
            "Last seen",
            seen,
            width=92,
            numeric=True,
            priority=4,
            ages=True,
            sort_key=lambda row: _NOW if row.client.state is ClientState.ONLINE else row.client.last_seen_at,
        ),
        Column(
            "good",
            "Last good",
            good,
            width=96,
            numeric=True,
            priority=1,
            ages=True,
            sort_key=lambda row: row.client.last_success_at,
            tooltip="Age of the last backup that ended well",
        ),
        Column(
            "size",
            "Size",
            size,
            width=88,
            numeric=True,
            priority=3,
            sort_key=lambda row: row.client.stored_bytes,
        ),
        *_of_wide_tables(),
    )


def _of_wide_tables() -> tuple[Column[ClientRow], ...]:
    """Return the columns for which there is room beside the usual ones."""

    def reason(row: ClientRow) -> TextCell:
        why = label_text(row.client.failure_reason or "") if row.client.failing_since else ""
        return TextCell(why, tooltip=why, color=Tone.BAD.color if why else None)

    def goal(row: ClientRow) -> TextCell:
        return TextCell(present_goal(row.client.goal_s), color=QUIET_INK)

    def system(row: ClientRow) -> TextCell:
        text = label_text(row.client.platform or UNKNOWN)
        return TextCell(text, tooltip=text, color=QUIET_INK)

    def version(row: ClientRow) -> TextCell:
        return TextCell(label_text(row.client.agent_version or UNKNOWN), color=QUIET_INK)

    return (
        Column(
            "reason",
            "Reason",
            reason,
            min_width=230,
            priority=6,
            sort_key=lambda row: row.client.failure_reason if row.client.failing_since else None,
            tooltip="Why its backups fail",
        ),
        Column("goal", "Goal", goal, width=96, priority=7, sort_key=lambda row: row.client.goal_s),
        Column("system", "System", system, width=150, priority=8, sort_key=lambda row: row.client.platform),
        Column(
            "agent", "Agent", version, width=76, priority=9, sort_key=lambda row: row.client.agent_version
        ),
    )
