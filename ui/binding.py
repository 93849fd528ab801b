"""One stream that a view looks at: subscribed while it is seen, its newest value shown once per frame."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase

from streams.snapshot import Delta
from ui.components.states import StateBox

T = TypeVar("T")

_NOTHING: Any = object()


class Looker(Protocol):
    """What a binding needs of the view that it belongs to."""

    def want_frame(self) -> None:
        """Have the view drawn in the next frame."""
        ...

    def wait_for(self, box: StateBox) -> None:
        """Show the skeleton of ``box`` if nothing comes soon."""
        ...

    def touch_box(self, box: StateBox) -> None:
        """Have what changed of ``box`` updated in the next frame."""
        ...

    def overtaken(self, merged: bool) -> None:
        """Note that a value waits no more: a later one has taken it in (``merged``) or taken its place."""
        ...

    def failed(self, binding: "Binding[Any]", error: BaseException) -> None:
        """Report an exception of a stream or of its drawing."""
        ...


class Binding(Generic[T]):
    """One stream that a view looks at, and what it does with its newest value."""

    def __init__(
        self,
        view: Looker,
        stream: Observable[T],
        show: Callable[[T], None],
        *,
        name: str,
        merge: Callable[[T, T], T] | None,
        box: StateBox | None,
    ) -> None:
        self._view, self._stream, self._show, self._merge = view, stream, show, merge
        self.name, self.box = name, box
        self._pending: T = _NOTHING
        self._subscription: DisposableBase | None = None
        self._turn = 0
        self._failed = False

    def switch(self, stream: Observable[T]) -> None:
        """Look at another stream from now on; nothing of the former one is shown any more."""
        looking = self._subscription is not None
        self.stop()
        self._stream = stream
        if self.box is not None:
            self.box.forget()
            self._view.touch_box(self.box)
        if looking:
            self.start()

    def retry(self) -> None:
        """Subscribe again, after an error or because somebody asked for it."""
        if self._subscription is not None:
            self.stop()
            self.start()

    def start(self) -> None:
        """Subscribe."""
        if self._subscription is not None:
            return
        self._turn += 1
        turn = self._turn

        def on_next(value: T) -> None:
            if turn == self._turn:
                self._offer(value)

        def on_error(error: Exception) -> None:
            if turn == self._turn:
                self._view.failed(self, error)

        self._subscription = _Starting()
        if self.box is not None:
            self._view.wait_for(self.box)
        subscription = self._stream.subscribe(on_next, on_error)
        if self._turn == turn:
            self._subscription = subscription
        else:
            subscription.dispose()

    def stop(self) -> None:
        """Dispose of the subscription and of what was not shown yet."""
        self._turn += 1
        subscription, self._subscription, self._pending = self._subscription, None, _NOTHING
        if subscription is not None:
            subscription.dispose()

    def _offer(self, value: T) -> None:
        if self._pending is not _NOTHING:
            self._view.overtaken(self._merge is not None)
            if self._merge is not None:
                value = self._merge(self._pending, value)
        self._pending = value
        self._view.want_frame()

    def draw(self) -> datetime | None:
        """Show the newest value, if one has come; return the oldest commit that it carries."""
        value, self._pending = self._pending, _NOTHING
        if value is _NOTHING:
            return None
        try:
            self._show(value)
        except Exception as error:  # noqa: BLE001  (whatever one part does, the others go on; it is reported)
            if not self._failed:  # said once when it starts, not with every frame
                self._failed = True
                self._view.failed(self, error)
            return None
        if self._failed:
            self._failed = False
            if self.box is not None:
                self.box.heal()
                self._view.touch_box(self.box)
        return value.committed_at if isinstance(value, Delta) and not value.full else None


class _Starting(DisposableBase):
    """Stands for a subscription that is being made."""

    def dispose(self) -> None:
        """Nothing is held yet."""
