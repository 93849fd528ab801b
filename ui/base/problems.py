"""Present problems in words, and which of them somebody has acknowledged or muted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import flet as ft
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import Subject

from streams.model.problems import Problem
from streams.model.vocabulary import ClientState, ProblemKind
from ui.base.format import Formatter, counted, rough_duration_text
from ui.base.theme import Tone

MUTES_H: Final = (1, 8, 24, 7 * 24)
"""For so many hours a problem can be muted."""
_KEPT: Final = "problems.quiet"


class _Prefs(Protocol):
    def get(self, key: str, default: object = None) -> object: ...

    def put(self, key: str, value: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """A problem, and whether it is still to be counted and told."""

    problem: Problem
    muted_until: datetime | None = None
    acknowledged: bool = False

    @property
    def loud(self) -> bool:
        """Whether it counts: nobody has acknowledged or muted it."""
        return not self.acknowledged and self.muted_until is None


class ProblemBoard:
    """Remembers which problems were acknowledged, until their cause changes, or muted, until a time."""

    def __init__(self, prefs: _Prefs, clock: Callable[[], datetime], seconds: Observable[datetime]) -> None:
        self._prefs, self._clock, self._seconds = prefs, clock, seconds
        self._changes: Subject[Any] = Subject()

    def standing(self, problems: Observable[tuple[Problem, ...]]) -> Observable[tuple[Standing, ...]]:
        """Return the problems with what was decided of each; a mute that ends changes them by itself."""
        again = rx.merge(self._changes, self._seconds).pipe(ops.start_with(None))
        return rx.combine_latest(problems, again).pipe(
            ops.map(lambda both: self._judged(both[0])), ops.distinct_until_changed()
        )

    def acknowledge(self, problem: Problem) -> None:
        """Count it no more as long as it is what it is; another reason or a new beginning is another one."""
        self._keep(problem.key, {"as": _cause(problem)})

    def mute(self, problem: Problem, hours: float) -> None:
        """Count it no more until then, whatever becomes of it."""
        until = self._clock() + timedelta(hours=hours)
        self._keep(problem.key, {"until": until.isoformat()})

    def unmute(self, problem: Problem) -> None:
        """Count and tell it again."""
        self._keep(problem.key, None)

    def _keep(self, key: str, entry: dict[str, str] | None) -> None:
        kept = {other: value for other, value in self._entries().items() if other != key}
        if entry is not None:
            kept[key] = entry
        now = self._clock()
        alive = {k: dict(v) for k, v in kept.items() if "until" not in v or _time(v["until"], now) > now}
        self._prefs.put(_KEPT, alive)
        self._changes.on_next(None)

    def _entries(self) -> Mapping[str, Mapping[str, str]]:
        kept = self._prefs.get(_KEPT)
        if not isinstance(kept, dict):
            return {}
        return {str(key): value for key, value in kept.items() if isinstance(value, dict)}

    def _judged(self, problems: tuple[Problem, ...]) -> tuple[Standing, ...]:
        entries, now = self._entries(), self._clock()

        def judged(problem: Problem) -> Standing:
            entry = entries.get(problem.key, {})
            until = _time(entry.get("until", ""), now)
            return Standing(
                problem,
                muted_until=until if until > now else None,
                acknowledged=entry.get("as") == _cause(problem),
            )

        return tuple(judged(problem) for problem in problems)


def _cause(problem: Problem) -> str:
    # What was only seen by this console has no beginning that another start of it would know again.
    since = "" if problem.seen or problem.since is None else problem.since.isoformat()
    return f"{problem.kind} {since}"


def _time(text: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """A problem as it is read: whose, what and since when, why."""

    subject: str
    text: str
    why: str
    icon: ft.IconData
    tone: Tone
    exact: str


_ICONS: Final = {
    ProblemKind.NO_CONNECTION: ft.Icons.CLOUD_OFF,
    ProblemKind.CLIENT_LOST: ft.Icons.CLOUD_OFF,
    ProblemKind.SERVER_STOPPED: ft.Icons.PAUSE_CIRCLE,
    ProblemKind.DISK_FULL: ft.Icons.STORAGE,
    ProblemKind.DISK_LOW: ft.Icons.STORAGE,
    ProblemKind.DAMAGE: ft.Icons.FACT_CHECK_OUTLINED,
}
_TEXTS: Final = {
    ProblemKind.NO_CONNECTION: "no connection",
    ProblemKind.SERVER_SILENT: "sends nothing",
    ProblemKind.SERVER_UNREAD: "state cannot be read",
    ProblemKind.CATALOGUE_LOST: "catalogue lost: no backup counts",
    ProblemKind.DISK_FULL: "disk full: backups are refused",
    ProblemKind.DISK_LOW: "disk nearly full",
    ProblemKind.CANNOT_VERIFY: "stored contents cannot be verified",
    ProblemKind.FAILING: "backups fail",
    ProblemKind.CLIENT_LOST: "lost",
    ProblemKind.OVERDUE: "overdue",
    ProblemKind.NOT_COPIED: "catalogue is not copied any more",
    ProblemKind.CLOCK: "clock jumped ahead and is not trusted yet",
}
_OVER: Final = {
    ProblemKind.NO_CONNECTION: "connection back",
    ProblemKind.SERVER_SILENT: "sends again",
    ProblemKind.SERVER_UNREAD: "state can be read again",
    ProblemKind.CATALOGUE_LOST: "catalogue is back",
    ProblemKind.DISK_FULL: "disk has room again",
    ProblemKind.DISK_LOW: "disk has room again",
    ProblemKind.SERVER_STOPPED: "takes backups again",
    ProblemKind.DAMAGE: "no damaged content left",
    ProblemKind.CANNOT_VERIFY: "stored contents can be verified again",
    ProblemKind.FAILING: "backups succeed again",
    ProblemKind.CLIENT_LOST: "within its goal again",
    ProblemKind.OVERDUE: "within its goal again",
    ProblemKind.NOT_COPIED: "catalogue is copied again",
    ProblemKind.CLOCK: "clock is trusted again",
}


def present_problem(problem: Problem, words: Formatter, now: datetime) -> ProblemLine:
    """Return a problem in words; ``now`` is by the server's clock, as its times are."""
    text = _TEXTS.get(problem.kind, "")
    if problem.kind is ProblemKind.SERVER_STOPPED:
        text = "takes no backups" if problem.reason == "stopped" else "is stopping, takes no new backups"
    elif problem.kind is ProblemKind.DAMAGE:
        text = f"{counted(problem.count, 'stored content')} damaged"
    elif problem.kind is ProblemKind.CLIENT_LOST and problem.client_state is ClientState.REVOKED:
        text = "its token was revoked"
    since, exact = "", ""
    if problem.since is not None:
        lasted = rough_duration_text(max(0.0, (now - problem.since).total_seconds()))
        since = f" since {words.moment(problem.since, now)} ({lasted})"
        exact = (
            f"{'Seen by this console since' if problem.seen else 'Since'} {words.exact_time(problem.since)}"
        )
    return ProblemLine(
        subject=problem.client_name or "Server",
        text=f"{text}{since}",
        why=_why(problem, words, now),
        icon=_ICONS.get(problem.kind, ft.Icons.ERROR if problem.kind.grave else ft.Icons.WARNING_AMBER),
        tone=Tone.BAD if problem.kind.grave else Tone.WARNING,
        exact=exact,
    )


def _why(problem: Problem, words: Formatter, now: datetime) -> str:
    if problem.kind is ProblemKind.FAILING:
        return problem.reason or "no reason was given"
    if problem.kind is ProblemKind.SERVER_STOPPED:
        return "stopped by an operator"
    if problem.kind is ProblemKind.CLOCK:
        return f"retention and removal go by {words.exact_time(problem.judged_by)}"
    if problem.client_id:
        state = problem.client_state
        if state is ClientState.DISCONNECTED:
            return "disconnected by an operator"
        if state is ClientState.REVOKED:
            return "it has to enrol again"
        if problem.last_seen_at is None:
            return "its agent has not connected yet"
        if state is ClientState.OFFLINE:
            return f"offline, last seen {words.moment(problem.last_seen_at, now)}"
        return "online, but no good backup"
    return problem.reason


def present_over(problem: Problem, now: datetime) -> str:
    """Return that a problem is over, and how long it lasted."""
    subject = problem.client_name or "Server"
    lasted = ""
    if problem.since is not None:
        lasted = f" after {rough_duration_text(max(1.0, (now - problem.since).total_seconds()))}"
    return f"{subject}: {_OVER[problem.kind]}{lasted}"
