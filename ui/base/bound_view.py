"""The base of every view: it looks at streams while it is seen, and draws what changed once per frame."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from datetime import datetime
from typing import Any, TypeVar

import flet as ft
from reactivex import Observable

from streams.model.failures import Failure, TidewatchError
from streams.model.snapshot import Delta, Snapshot
from streams.operators.conflate import Gather
from streams.operators.conflate_deltas import DELTAS
from streams.operators.frames import Frames
from streams.sources.registry import TableStream
from ui.base.binding import Binding, merging
from ui.base.box import Box
from ui.base.context import UiContext
from ui.base.drawing import Drawing

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NOTHING: Any = object()


@ft.control(isolated=True)
class BoundView(ft.Container):
    """A part of the screen with its streams.

    A subclass builds its controls in ``__init__``, names its streams with ``bind…`` and changes controls
    only in its ``show`` functions and handlers, each followed by ``touch``. Streams are subscribed while the
    view is mounted, shown and awake; a hidden view costs nothing. Values go through the frame beat of the
    context: however many come, ``show`` sees the newest (or merged) one once per frame and each touched
    control is updated once.
    """

    def __init__(
        self, *, context: UiContext, key: str, content: ft.Control | None = None, **container: Any
    ) -> None:
        super().__init__(content=content, key=key, **container)
        self.context = context
        self._bindings: list[Binding[Any]] = []
        self._inner: list[BoundView] = []
        self._drawing = Drawing(context, key, lambda: self._mounted and self._awake)
        self._boxes: dict[Box, list[Callable[[], None]]] = {}
        self._acts: set[asyncio.Task[None]] = set()
        self._mounted = False
        self._awake = True
        self._looking = False

    # -- what a subclass says once

    def bind(
        self,
        stream: Observable[T],
        show: Callable[[T], None],
        *,
        merge: Callable[[T, T], T] | None = None,
        box: Box | None = None,
        name: str = "",
    ) -> Binding[T]:
        """Have ``show`` called once per frame: with the newest value, or all since the last merged."""
        gather = None if merge is None else merging(merge)
        return self._bind(stream, show, gather, box, name)

    def bind_deltas(
        self,
        stream: Observable[Delta[K, V]],
        show: Callable[[Delta[K, V]], None],
        *,
        box: Box | None = None,
        name: str = "",
    ) -> Binding[Delta[K, V]]:
        """Have ``show`` called once per frame with one delta that does what all since the last do."""
        return self._bind(stream, show, DELTAS, box, name)

    def _bind(
        self,
        stream: Observable[T],
        show: Callable[[T], None],
        gather: Gather[T, T] | None,
        box: Box | None,
        name: str,
    ) -> Binding[T]:
        name = name or getattr(show, "__name__", "show")
        binding = Binding(self, stream, show, name=name, gather=gather, box=box)
        self._bindings.append(binding)
        if box is not None:
            self.own_box(box, binding.retry)
        if self._looking:
            binding.start()
        return binding

    def bind_snapshot(
        self,
        stream: Observable[Snapshot[T]],
        box: Box,
        show: Callable[[T], None],
        *,
        is_empty: Callable[[T], bool] | None = None,
    ) -> Binding[Snapshot[T]]:
        """Have ``show`` called with each new value; ``box`` shows loading, empty, error and stale itself."""
        shown: list[Any] = [_NOTHING]

        def show_snapshot(snapshot: Snapshot[T]) -> None:
            value = snapshot.value
            if value is not None and value is not shown[0]:
                show(value)
                shown[0] = value
            box.show(snapshot, empty=value is not None and is_empty is not None and is_empty(value))
            self.touch_box(box)

        return self.bind(stream, show_snapshot, box=box, name=getattr(show, "__name__", "show"))

    def bind_table(
        self, table: TableStream[K, V], box: Box, show: Callable[[Delta[K, V]], None]
    ) -> tuple[Binding[Delta[K, V]], Binding[Snapshot[int]]]:
        """Have ``show`` called once per frame with what changed; ``box`` follows its freshness."""

        def show_freshness(snapshot: Snapshot[int]) -> None:
            box.show(snapshot, empty=snapshot.value == 0)
            self.touch_box(box)

        return self.bind_deltas(table.deltas, show, box=box), self.bind(
            table.freshness, show_freshness, box=box, name="show_freshness"
        )

    def adopt(self, view: "BoundView") -> "BoundView":
        """Take a bound view inside this one along when this one is hidden or wakes; returns it."""
        self._inner.append(view)
        view.set_awake(self._looking)
        return view

    def own_box(self, box: Box, retry: Callable[[], None]) -> None:
        """Let ``box`` age each second while it is stale, and its button run ``retry``."""
        first = not self._boxes
        self._boxes.setdefault(box, []).append(retry)
        box.on_retry = lambda: [again() for again in self._boxes[box]]
        box.log_of = self.context.log_of
        box.clock = self.context.clock
        if self.context.still:
            box.keep_still()
        if first:
            self.bind(self.context.seconds, self._age_boxes, name="age_boxes")

    # -- what a subclass does all the time

    def touch(self, *controls: ft.Control) -> None:
        """Have these controls updated in the next frame, each once."""
        self._drawing.touch(controls)

    def touch_box(self, box: Box) -> None:
        """Have what changed of ``box`` updated in the next frame."""
        self.touch(*box.take_changed())

    def act(self, what: str, command: Coroutine[Any, Any, None]) -> None:
        """Run a command; a failure of the outside world becomes a message that says ``what`` was tried."""
        task = asyncio.get_running_loop().create_task(self._run(what, command), name=what)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _run(self, what: str, command: Coroutine[Any, Any, None]) -> None:
        try:
            await command
        except TidewatchError as error:
            self.context.messages.failed(what, error)
        except Exception as error:  # noqa: BLE001  (a bug: reported with its trace and said, never swallowed)
            self.context.report(what, error)
            self.context.messages.error(f"{what}: this is a fault of the console", detail=repr(error))

    # -- what a subclass may answer

    def arrive(self, show: str) -> None:
        """Show what somebody was led here for; ``show`` is a word of this view (``Place.show``)."""

    @property
    def address(self) -> str:
        """What follows the view's name in a link that leads back to what is shown; "" for the view itself."""
        return ""

    def restore(self, show: str) -> None:
        """Show what an address names and nothing beside it; "" is the view without filter and selection."""
        if show:
            self.arrive(show)

    def on_key(self, event: ft.KeyboardEvent) -> bool:
        """Take a key while the view is shown; return whether it was for this view."""
        return False

    def find(self) -> bool:
        """Put the keyboard into the search field; return whether there is one."""
        return False

    def keep_still(self) -> None:
        """Let nothing fade, since the system asks for less motion."""
        for box in self._boxes:
            box.keep_still()
        for view in self._inner:
            view.keep_still()

    def restyle(self) -> bool:
        """Take another look (density, units, zone) from the context; False has the view built anew."""
        return False

    def release_acts(self) -> set[asyncio.Task[None]]:
        """Give away the commands that still run, so that they come to their end though the view goes."""
        acts, self._acts = self._acts, set()
        return acts

    # -- when it looks

    @property
    def looking(self) -> bool:
        """Whether its streams are subscribed."""
        return self._looking

    def set_visible(self, visible: bool) -> None:
        """Show or hide the view; the parent updates it."""
        self.visible = visible
        self._settle()

    def set_awake(self, awake: bool) -> None:
        """Stop looking without hiding, as when the window is minimised."""
        self._awake = awake
        self._settle()

    def did_mount(self) -> None:
        """Begin to look."""
        self._mounted = True
        self._settle()

    def will_unmount(self) -> None:
        """Stop looking and drop commands that nobody waits for."""
        self._mounted = False
        self._settle()
        for task in self._acts:
            task.cancel()

    def _settle(self) -> None:
        looking = self._mounted and self._awake and bool(self.visible)
        if looking == self._looking:
            return
        self._looking = looking
        for binding in self._bindings:
            binding.start() if looking else binding.stop()
        for view in self._inner:
            view.set_awake(looking)
        if looking:
            self._drawing.resume()

    # -- what its bindings ask of it

    @property
    def frames(self) -> Frames:
        """The beat of the screen."""
        return self.context.frames

    def note_commit(self, committed_at: datetime) -> None:
        """Note that something is drawn in this frame that the server committed then."""
        self._drawing.note_commit(committed_at)

    def wait_for(self, box: Box) -> None:
        """Show the skeleton of ``box``, or that what it shows is old, once that has become noticeable."""

        def overdue(_scheduler: object, _state: object = None) -> None:
            if self._looking and box.overdue():
                self.touch_box(box)

        def refreshed(_scheduler: object, _state: object = None) -> None:
            if box.end_refresh():
                self.touch_box(box)

        if box.waiting:
            self.context.scheduler.schedule_relative(box.PATIENCE_S, overdue)
        else:
            box.begin_refresh()
            self.context.scheduler.schedule_relative(box.GRACE_S, refreshed)

    def overtaken(self, merged: bool) -> None:
        """Note that a value was not drawn for itself."""
        self.context.overtaken(merged)

    def failed(self, binding: Binding[Any], error: BaseException) -> None:
        """Report an exception of one stream or of its drawing, and say so where its values would be."""
        self.context.report(f"{self.key}.{binding.name}", error)
        if binding.box is None:
            self.context.messages.error(f"A part of {self.key} could not be drawn", detail=repr(error))
            return
        failure = Failure(
            code="bug",
            message="This part could not be drawn.",
            hint=f"A fault of the console ({type(error).__name__}); it has been logged.",
            since=self.context.clock(),
        )
        binding.box.show_broken(failure)
        self.touch_box(binding.box)

    def _age_boxes(self, now: datetime) -> None:
        for box in self._boxes:
            if box.age(now):
                self.touch_box(box)
