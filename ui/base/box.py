"""The port of a binding to the box around a part of the screen: loading, empty, error and stale."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Protocol

import flet as ft

from streams.model.failures import Failure
from streams.model.snapshot import Snapshot


class Box(Protocol):
    """A body with its states; ``ui.components.loading_states`` has the one of this console."""

    PATIENCE_S: ClassVar[float]
    """How long nothing may come before a skeleton appears, in seconds."""
    GRACE_S: ClassVar[float]
    """How long a refresh may take before what is shown is called stale, in seconds."""
    on_retry: Callable[[], Any]
    log_of: Callable[[datetime], Callable[[], Any] | None]
    clock: Callable[[], datetime]

    @property
    def waiting(self) -> bool:
        """Whether nothing has been shown yet."""
        ...

    def show(self, snapshot: Snapshot[Any], *, empty: bool = False) -> None:
        """Show what a snapshot is worth: its value, that there is none, or why there is none."""
        ...

    def show_broken(self, failure: Failure) -> None:
        """Show that drawing has failed."""
        ...

    def heal(self) -> None:
        """Show again what was shown before drawing failed."""
        ...

    def forget(self) -> None:
        """Show nothing any more, as at the beginning."""
        ...

    def keep_still(self) -> None:
        """Show the skeleton without a fade."""
        ...

    def begin_refresh(self) -> None:
        """Call nothing stale yet: an answer is on its way."""
        ...

    def end_refresh(self) -> bool:
        """The answer has had its time; return whether that changed anything."""
        ...

    def overdue(self) -> bool:
        """Show the skeleton where nothing has come; return whether that changed anything."""
        ...

    def age(self, now: datetime) -> bool:
        """Let what is told of its age grow; return whether that changed anything."""
        ...

    def take_changed(self) -> tuple[ft.Control, ...]:
        """Return the controls that changed since the last call."""
        ...
