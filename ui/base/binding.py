"""One stream that a view looks at: subscribed while it is seen, its newest value shown once per frame."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase

from streams.model.snapshot import Delta
from streams.operators.conflate import Gather, conflate_into
from streams.operators.frames import Frames
from ui.base.box import Box

T = TypeVar("T")


def _same(value: Any) -> Any:
    return value


NEWEST: Gather[Any, Any] = (_same, lambda _earlier, later: later, _same)


def merging(merge: Callable[[T, T], T]) -> Gather[T, T]:
    """Return how values are gathered that ``merge(earlier, later)`` makes one of."""
    return _same, merge, _same


class ViewHost(Protocol):
    """What a binding needs of the view that it belongs to."""

    @property
    def frames(self) -> Frames:
        """The beat of the screen."""
        ...

    def note_commit(self, committed_at: datetime) -> None:
        """Note that something is drawn in this frame that the server committed then."""
        ...

    def wait_for(self, box: Box) -> None:
        """Show the skeleton of ``box`` if nothing comes soon."""
        ...

    def touch_box(self, box: Box) -> None:
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
        view: ViewHost,
        stream: Observable[T],
        show: Callable[[T], None],
        *,
        name: str,
        gather: Gather[T, T] | None,
        box: Box | None,
    ) -> None:
        self._view, self._stream, self._show, self._gather = view, stream, show, gather
        self.name, self.box = name, box
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
                self._draw(value)

        def on_error(error: Exception) -> None:
            if turn == self._turn:
                self._view.failed(self, error)

        self._subscription = _Starting()
        if self.box is not None:
            self._view.wait_for(self.box)
        first, add, finish = self._gather or NEWEST

        def overtake(gathered: Any, later: T) -> Any:
            self._view.overtaken(self._gather is not None)
            return add(gathered, later)

        per_frame = conflate_into(first, overtake, finish, lambda: self._view.frames)
        subscription = self._stream.pipe(per_frame).subscribe(on_next, on_error)
        if self._turn == turn:
            self._subscription = subscription
        else:
            subscription.dispose()

    def stop(self) -> None:
        """Dispose of the subscription and of what was not shown yet."""
        self._turn += 1
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.dispose()

    def _draw(self, value: T) -> None:
        try:
            self._show(value)
        except Exception as error:  # noqa: BLE001  (whatever one part does, the others go on; it is reported)
            if not self._failed:  # said once when it starts, not with every frame
                self._failed = True
                self._view.failed(self, error)
            return
        if self._failed:
            self._failed = False
            if self.box is not None:
                self.box.heal()
                self._view.touch_box(self.box)
        if isinstance(value, Delta) and not value.full and value.committed_at is not None:
            self._view.note_commit(value.committed_at)


class _Starting(DisposableBase):
    """Stands for a subscription that is being made."""

    def dispose(self) -> None:
        """Nothing is held yet."""
