"""The stage: every view, made when it is first shown and then kept; one that is hidden looks at nothing."""

import asyncio
from collections.abc import Callable, Sequence

import flet as ft

from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.theme import GAP, QUIET_INK, SIZE_BODY, VIEW_PADDING, Tone
from ui.components.frame import framed
from ui.shell.registry import ViewSpec

Then = Callable[[BoundView], None]


class Stage:
    """Shows one view of several; ``control`` goes into the page.

    A view that is shown for the first time leaves an empty frame in its place until it is made, so that the
    click is answered at once however much there is to be built.
    """

    def __init__(
        self,
        specs: Sequence[ViewSpec],
        current: str,
        *,
        context: UiContext,
        build: Callable[[ViewSpec], BoundView],
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._context, self._build = context, build
        self._views: dict[str, BoundView] = {}
        self._left: set[asyncio.Task[None]] = set()
        self._awake = True
        self._blank = ft.Container(_empty_frame(), padding=VIEW_PADDING, visible=False)
        self.control = ft.Stack([self._blank], expand=True, fit=ft.StackFit.EXPAND)
        self.current = current
        """The name of the view that is shown."""
        self.view(current).set_visible(True)

    @property
    def shown(self) -> BoundView | None:
        """The view that is shown; None while it is being made."""
        return self._views.get(self.current)

    @property
    def made(self) -> tuple[BoundView, ...]:
        """The views that there are by now."""
        return tuple(self._views.values())

    def view(self, name: str) -> BoundView:
        """Return a view by its name; makes it if it was not shown yet."""
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = self._build(self._specs[name])
            view.set_visible(False)
            view.set_awake(self._awake)
            self.control.controls.append(view)
        return view

    def show(self, name: str, then: Then) -> None:
        """Show a view; ``then`` is called with it, at once or when it has been made."""
        before, self.current = self.shown, name
        if before is not None and before is not self.shown:
            before.set_visible(False)
        if self.shown is not None:
            self._reveal(self.shown, then)
            return
        self._blank.content, self._blank.visible = _empty_frame(), True
        self.control.update()
        asyncio.get_running_loop().call_soon(self._make, name, then)

    def _make(self, name: str, then: Then) -> None:
        if name != self.current:
            return  # somebody went on meanwhile
        try:
            view = self.view(name)
        except Exception as error:  # noqa: BLE001  (a bug of one view: reported with its trace and said)
            text = f"{self._specs[name].label} cannot be shown: this is a fault of the console"
            self._context.report(name, error)
            self._context.messages.error(text, detail=repr(error))
            self._blank.content = _fault(text)
            self.control.update()
            return
        self._reveal(view, then)

    def _reveal(self, view: BoundView, then: Then) -> None:
        if self._blank.visible or not view.visible:
            self._blank.visible = False
            view.set_visible(True)
            self.control.update()
        then(view)

    def rebuild(self) -> None:
        """Make the views anew that cannot take another look; where they were left they will be again."""
        for name in [name for name, view in self._views.items() if not view.restyle()]:
            self._drop(name)
        # Two updates: Flet freezes a control that takes the place of one with its key in the same update.
        self.control.update()
        self.view(self.current).set_visible(True)
        self.control.update()

    def _drop(self, name: str) -> None:
        view = self._views.pop(name)
        for task in view.release_acts():
            self._left.add(task)
            task.add_done_callback(self._left.discard)
        view.set_visible(False)
        self.control.controls = [control for control in self.control.controls if control is not view]

    def keep_still(self) -> None:
        """Let nothing move that need not."""
        for view in self._views.values():
            view.keep_still()

    def set_awake(self, awake: bool) -> None:
        """Stop all streams of the views, or look again."""
        self._awake = awake
        for view in self._views.values():
            view.set_awake(awake)


def _empty_frame() -> ft.Control:
    """Return what stands where a view will be: cards and a table without anything in them."""

    cards: list[ft.Control] = [framed(ft.Container(), height=60, expand=True) for _ in range(4)]
    rows: list[ft.Control] = [ft.Row(cards, spacing=GAP), framed(ft.Container(), expand=True)]
    return ft.Column(rows, spacing=GAP)


def _fault(text: str) -> ft.Control:
    return ft.Column(
        [
            ft.Icon(ft.Icons.ERROR, size=22, color=Tone.BAD.color),
            ft.Text(text, size=SIZE_BODY, color=QUIET_INK),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        spacing=6,
    )
