"""Loading, empty, error and stale states of a panel, in one box of one size."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import flet as ft

from streams.model.failures import Failure
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from ui.base.format import age_text
from ui.base.schemes import fade
from ui.base.theme import Tone, small_text
from ui.components.error_displays import ErrorLayer
from ui.components.placeholders import Empty, empty_layer, skeleton


class _Face(StrEnum):
    """Which of its layers a box shows."""

    WAITING = "waiting"
    LOADING = "loading"
    CONTENT = "content"
    EMPTY = "empty"
    ERROR = "error"


@ft.control(isolated=True)
class _Slot(ft.Container):
    """Holds the body, so that an update of the box need not walk it."""


class StateBox(ft.Stack):
    """A body with its loading, empty, error and stale states; give it a size, it never changes it.

    ``note`` is the small "18 s ago" to be placed in the title row of the card that holds the box.
    """

    PATIENCE_S: Final = 0.15
    """A skeleton appears only when nothing has come for this long."""

    GRACE_S: Final = 1.0
    """What somebody has just come back to is called stale only when its refresh takes longer than this."""

    def __init__(
        self,
        body: ft.Control,
        *,
        empty: Empty | None = None,
        skeleton_rows: int = 3,
        skeleton_height: int = 14,
        compact: bool = False,
        stacked: bool = False,
        **stack: Any,
    ) -> None:
        self._slot = _Slot(content=body, visible=False)
        fade(self._slot, on=False)  # from the start: a theme that comes later would build the body anew
        self._compact = compact
        self._skeleton = skeleton(skeleton_rows, skeleton_height, compact)
        self._empty = empty_layer(empty or Empty("Nothing here."), compact)
        self._error = ErrorLayer(compact, self._retry, stacked=stacked)
        self._note_text = small_text("", color=Tone.WARNING.color)
        self.note = ft.Row(
            [self._note_text]
            if compact
            else [ft.Icon(ft.Icons.WARNING_AMBER, size=14, color=Tone.WARNING.color), self._note_text],
            spacing=4,
            tight=True,
            visible=False,
        )
        super().__init__(
            [self._slot, self._skeleton, self._empty, self._error], fit=ft.StackFit.EXPAND, **stack
        )
        self.on_retry: Callable[[], Any] = lambda: None
        self.log_of: Callable[[datetime], Callable[[], Any] | None] = lambda _at: None
        """What leads to the log lines of the time of a failure, where there is a view of them."""
        self.on_stale: Callable[[], None] = lambda: None
        """Told that what is shown has become old, or fresh again: ``as_of`` says which."""
        self.on_failure: Callable[[], None] = lambda: None
        """Told of each snapshot that has a failure, also where an older value stays on the screen."""
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._face = _Face.WAITING
        self._broken = False
        self._refreshing = False
        self._last: tuple[Snapshot[Any], bool] | None = None
        self._changed: dict[ft.Control, None] = {}

    def _retry(self) -> None:
        self.on_retry()

    @property
    def face(self) -> str:
        """The layer that is shown: waiting, loading, content, empty or error."""
        return self._face.value

    @property
    def waiting(self) -> bool:
        """Whether nothing has been shown yet."""
        return self._face is _Face.WAITING

    @property
    def as_of(self) -> datetime | None:
        """When what is shown was true, if it may no longer be; None while it is fresh."""
        return self._last[0].at if self.note.visible and self._last is not None else None

    @property
    def broken(self) -> bool:
        """Whether the last drawing failed."""
        return self._broken

    def keep_still(self) -> None:
        """Show the skeleton without a fade."""
        self._skeleton.animate_opacity = None

    def begin_refresh(self) -> None:
        """Somebody looks again, and an answer is on its way: what is merely old is not called stale yet."""
        self._refreshing = True

    def end_refresh(self) -> bool:
        """The answer has had its time; return whether that changed anything."""
        if self._refreshing:
            self._refreshing = False
            if self._last is not None and not self._broken:
                self._apply(*self._last)
        return bool(self._changed)

    def show(self, snapshot: Snapshot[Any], *, empty: bool = False) -> None:
        """Show what ``snapshot`` is worth: its value, that there is none, or why there is none."""
        self._last = (snapshot, empty)
        if snapshot.failure is not None:
            self.on_failure()
        if not self._broken:
            self._apply(snapshot, empty)

    def show_empty(self, empty: bool) -> None:
        """Show the last snapshot again, as one with something in it or with nothing."""
        if self._last is not None and self._last[1] != empty:
            self.show(self._last[0], empty=empty)

    def show_broken(self, failure: Failure) -> None:
        """Show that the body could not be drawn, until ``heal``."""
        self._broken = True
        self._apply(Snapshot(None, Health.ERROR, failure=failure), False)

    def heal(self) -> None:
        """The body has been drawn again: show what the last snapshot was worth."""
        if self._broken:
            self._broken = False
            if self._last is not None:
                self._apply(*self._last)
            else:
                self._turn(_Face.CONTENT)

    def forget(self) -> None:
        """Go back to waiting, as when something else is to be shown."""
        self._broken, self._last = False, None
        self._turn(_Face.WAITING)
        self._set_stale(None)

    def overdue(self) -> bool:
        """Nothing has come for a while: show the skeleton; return whether that changed anything."""
        if self._face is not _Face.WAITING:
            return False
        self._turn(_Face.LOADING)
        return True

    def age(self, now: datetime) -> bool:
        """Let the ages that are shown grow; return whether anything changed."""
        changed = False
        if self._face is _Face.ERROR:
            changed = self._error.age(now)
            if changed:
                self._mark(self._error)
        if self.note.visible and self._last is not None:
            text = self._age_text(now)
            if text != self._note_text.value:
                self._note_text.value = text
                self._mark(self._note_text)
                changed = True
        return changed

    def take_changed(self) -> tuple[ft.Control, ...]:
        """Return the controls to update, and forget them."""
        changed, self._changed = self._changed, {}
        return tuple(changed)

    def _apply(self, snapshot: Snapshot[Any], empty: bool) -> None:
        if snapshot.value is None:
            if snapshot.failure is not None:
                self._error.show(snapshot.failure, self.clock(), self.log_of(snapshot.failure.since))
                self._mark(self._error)
                self._turn(_Face.ERROR)
            elif self._face is not _Face.WAITING:
                self._turn(_Face.LOADING)
            self._set_stale(None)
            return
        self._turn(_Face.EMPTY if empty else _Face.CONTENT)
        old = snapshot.health is Health.STALE and not self._refreshing
        self._set_stale(snapshot if old or snapshot.health is Health.ERROR else None)

    def _turn(self, face: _Face) -> None:
        if face is self._face:
            return
        self._face = face
        self._slot.visible = face is _Face.CONTENT
        self._skeleton.visible = face is _Face.LOADING
        self._empty.visible = face is _Face.EMPTY
        self._error.visible = face is _Face.ERROR
        self._mark(self)

    def _set_stale(self, snapshot: Snapshot[Any] | None) -> None:
        stale = snapshot is not None
        if fade(self._slot, on=stale):
            self._mark(self)
        if stale:
            self._note_text.value = self._age_text(self.clock())
            failure = snapshot.failure
            why = (
                f"{failure.message} {failure.hint}".strip()
                if failure
                else "Nothing new has come for longer than usual."
            )
            if self.note.tooltip != why:
                self.note.tooltip = why
                self._mark(self.note)
            self._mark(self._note_text)
        if self.note.visible != stale:
            self.note.visible = stale
            self._mark(self.note)
            self.on_stale()

    def _age_text(self, now: datetime) -> str:
        at = self._last[0].at if self._last is not None else None
        text = age_text(at, now)
        return text.removesuffix(" ago") if self._compact else text

    def _mark(self, control: ft.Control) -> None:
        self._changed[control] = None
