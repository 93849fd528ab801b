"""The context that every view is given besides its streams and commands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import flet as ft
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops

from streams.core.schedulers import JobScheduler
from streams.model.base import utc_now
from streams.model.link import Link
from streams.model.outcome import Outcome
from streams.operators.frames import Frames
from streams.ports.settings import SettingsPort
from streams.ports.sign_in import AccessPort
from ui.base.backup_tracking import Followed
from ui.base.delivery import HandOut
from ui.base.format import Formatter
from ui.base.messages import Messages
from ui.base.palette import Palette
from ui.base.problems import ProblemBoard
from ui.base.theme import Density


class Prefs(Protocol):
    """What is remembered between starts: small JSON values by key."""

    def get(self, key: str, default: object = None) -> object:
        """Return what was kept under ``key``."""
        ...

    def put(self, key: str, value: object) -> None:
        """Keep ``value`` under ``key``; written to disk later, off the loop."""
        ...


class SessionPrefs:
    """Preferences that last as long as the console runs."""

    def __init__(self) -> None:
        self._kept: dict[str, object] = {}

    def get(self, key: str, default: object = None) -> object:
        """Return what was kept under ``key``."""
        return self._kept.get(key, default)

    def put(self, key: str, value: object) -> None:
        """Keep ``value`` under ``key``."""
        self._kept[key] = value


class TextInput(Protocol):
    """A text field, as Escape sees it."""

    def step_back(self) -> bool:
        """Take back what Escape takes back in it; False where there is nothing, so that it is left."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to go: a view, and what it should show there (a filter, a client's id)."""

    view: str
    show: str = ""
    """The view's own word for a part, filter or selection: ``not_safe``, ``client:ID``, ``?state=x``."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the settings say of how things are shown; may change while the console runs."""

    format: Formatter = field(default_factory=Formatter)
    density: Density = Density.STANDARD
    theme: str = "system"
    frame_s: float = 1 / 60


def _ignore_latency(_seconds: float) -> None:
    """Measure nothing."""


def _ignore_overtaken(_merged: bool) -> None:
    """Count nothing."""


def _same_clock() -> float:
    """Return that both clocks are the same."""
    return 0.0


def _report_nowhere(_where: str, _error: BaseException) -> None:
    """Tell nobody; the composition root passes one that logs with its trace."""


def _notify_nobody(_text: str, _detail: str) -> None:
    """Show nothing; a browser's page does that by itself."""


@dataclass(slots=True)
class UiContext:
    """Time, drawing, words and memory, shared by all views of one window."""

    scheduler: JobScheduler
    frame_s: float = 1 / 60
    clock: Callable[[], datetime] = utc_now
    server_ahead_s: Callable[[], float] = _same_clock
    """How far the server's clock is ahead of ours, in seconds."""
    report: Callable[[str, BaseException], None] = _report_nowhere
    """Logs an exception that is a bug, with its trace: where it happened and what."""
    measure: Callable[[float], None] = _ignore_latency
    """Takes the seconds from a commit, by the clock of the server, to the updated control, by ours."""
    overtaken: Callable[[bool], None] = _ignore_overtaken
    """Told of each value that a later one of the same frame took in (True) or took the place of."""
    prefs: Prefs = field(default_factory=SessionPrefs)
    format: Formatter = field(default_factory=Formatter)
    density: Density = Density.STANDARD
    theme: str = "system"
    """system, light or dark: the theme until somebody chooses another one."""
    go: Callable[[Place], None] = lambda _place: None
    """Leads to another view; the shell sets it."""
    follow_backups: Callable[[Outcome], None] = lambda _outcome: None
    """Tells how backups that were asked for end, once they have; the shell sets it."""
    followed: Followed = field(default_factory=Followed)
    """What all pages of the console follow; each passes it on when it goes."""
    link: Observable[Link] = field(default_factory=rx.never)
    """How the console is connected, for what is given no streams; the shell sets it."""
    places: frozenset[str] = frozenset()
    """The names of the views there are; the shell sets it."""
    settings: SettingsPort | None = None
    """Reads and changes the configuration; None where there is none to be changed."""
    access: AccessPort | None = None
    """What lets this console in; None where nothing of it can be changed."""
    hand_out: HandOut | None = None
    """Gives files to the browser that shows the page; None in a window."""
    palette: Palette = field(default_factory=Palette)
    """Where a view offers what can be found with Ctrl+K."""
    notify: Callable[[str, str], None] = _notify_nobody
    """Has the system show a text and why, while the window is not in front."""
    in_front: bool = True
    """Whether the window has the focus."""
    typing: bool = False
    """Whether a text field has the focus, so that plain keys belong to it."""
    text_input: TextInput | None = None
    """The text field that has the focus, if it is one that Escape leaves."""
    menu: bool = False
    """Whether a menu is open, to which the keys that walk and Escape belong."""
    close_dialog: Callable[[], None] | None = None
    """Closes the open dialog, to which all other keys belong; None while none is open."""
    still: bool = False
    """Whether the system asks for less motion."""
    messages: Messages = field(init=False)
    frames: Frames = field(init=False)
    seconds: Observable[datetime] = field(init=False)
    """The time each second, for ages that grow; one timer for all who look, none when nobody does."""
    server_seconds: Observable[datetime] = field(init=False)
    """The same by the server's clock, for ages of what the server tells of."""
    problems: ProblemBoard = field(init=False)
    """Which problems were acknowledged or muted."""

    def __post_init__(self) -> None:
        self.messages = Messages(self.clock)
        self.frames = Frames(self.scheduler, self.frame_s)
        self.seconds = rx.interval(1.0, scheduler=self.scheduler).pipe(
            ops.map(lambda _: self.clock()), ops.share()
        )
        self.server_seconds = self.seconds.pipe(ops.map(self.at_server))
        self.problems = ProblemBoard(self.prefs, self.clock, self.seconds)

    def server_clock(self) -> datetime:
        """Return the time by the server's clock, by which all that it tells of is judged."""
        return self.at_server(self.clock())

    def at_server(self, ours: datetime) -> datetime:
        """Return a time of our clock as the server's would have shown it."""
        return ours + timedelta(seconds=self.server_ahead_s())

    def begin_typing(self, field: TextInput) -> None:
        """Note that a text field has the keyboard: plain keys are for it, and Escape steps back in it."""
        self.text_input, self.typing = field, True

    def end_typing(self, field: TextInput) -> None:
        """Note that a text field has lost the keyboard, unless another one has taken it meanwhile."""
        if self.text_input is field:
            self.text_input, self.typing = None, False

    def leave(self) -> None:
        """Note that nothing here has the keyboard any more: another view is shown."""
        self.text_input, self.typing, self.menu = None, False, False

    def log_of(self, at: datetime, run_id: int | None = None) -> Callable[[], None] | None:
        """Return what leads to the log lines of a time of our clock, or of a run; None without a log view."""
        if "logs" not in self.places:
            return None

        def go() -> None:
            # The lines have the server's time; how far ahead it is may be known only by now.
            show = f"at:{self.at_server(at).isoformat()}" if run_id is None else f"run:{run_id}"
            self.go(Place("logs", show))

        return go


def context_of(control: ft.BaseControl | None) -> UiContext | None:
    """Return the context of the view in which a control stands; None where it stands in none."""
    while control is not None:
        context = getattr(control, "context", None)
        if isinstance(context, UiContext):
            return context
        control = control.parent
    return None
