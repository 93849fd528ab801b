"""The frame around all views: rail, top bar, what lies over the page, and who is looking."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import flet as ft

from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Look, Place, Prefs, UiContext
from ui.base.format import count_text
from ui.base.keymap import Act, key_sheet
from ui.base.layout import TOPBAR_HEIGHT
from ui.base.palette import PaletteEntry
from ui.base.theme import GAP, PAGE
from ui.components.connection_status import ConnectionPanel
from ui.components.dialogs import show_dialog
from ui.shell.address_bar import AddressBar
from ui.shell.connection_banner import LostBar
from ui.shell.keyboard import Keyboard
from ui.shell.message_centre import MessageCentre
from ui.shell.palette.sources import Offers
from ui.shell.palette.view import WIDTH as PALETTE_WIDTH
from ui.shell.palette.view import PaletteView
from ui.shell.problem_watch import ProblemWatch
from ui.shell.rail import Rail
from ui.shell.registry import VIEWS, ViewSpec
from ui.shell.server_bar import ServerBar
from ui.shell.toasts import ToastLayer
from ui.shell.topbar import TopBar
from ui.shell.view_stack import Stage
from ui.views.run.panel import WIDTH as RUN_WIDTH
from ui.views.run.panel import RunPanel
from ui.views.shared.backup_notifications import BackupEnds

RUN: Final = "run"
"""The word of a place that is one backup, by its number: no view of its own, it lies over any."""
TITLE: Final = "Tidewatch"
"""Of the window; the number of problems stands before it."""


class Shell(ft.Stack):
    """The frame and what it holds; each view is on the stage."""

    def __init__(
        self,
        page: ft.Page,
        *,
        streams: Streams,
        commands: Commands,
        context: UiContext,
        views: Sequence[ViewSpec] = VIEWS,
    ) -> None:
        self._host = page
        self.context = context
        self._specs = tuple(views)
        names = [spec.name for spec in self._specs]
        context.places, context.link = frozenset(names), streams.link
        remembered = context.prefs.get("shell.view")
        first = str(remembered) if remembered in names else names[0]
        self._stage = Stage(
            self._specs, first, context=context, build=lambda spec: spec.build(streams, commands, context)
        )
        self._topbar = TopBar(
            streams=streams,
            context=context,
            theme=self.theme,
            on_connection=lambda: self._open(self._connection),
            on_messages=self._open_messages,
            on_theme=self.set_theme,
            on_keys=self.show_keys,
            on_search=self.open_palette,
        )
        self._lost = LostBar(streams=streams, commands=commands, context=context)
        self._server_bar = ServerBar(streams=streams, commands=commands, context=context)
        self._connection = ConnectionPanel(
            streams=streams, commands=commands, context=context, top=TOPBAR_HEIGHT + 4, right=12
        )
        self._centre = MessageCentre(context=context, top=TOPBAR_HEIGHT + 4, right=12)
        self._ends = BackupEnds(streams=streams, context=context)
        self._watch = ProblemWatch(streams=streams, context=context, on_count=self._show_problem_count)
        self._toasts = ToastLayer(context=context)
        self._palette = PaletteView(
            streams=streams, context=context, on_close=self.close_panels, top=TOPBAR_HEIGHT + 8
        )
        self._palette.left = self._middle(page.width)
        self._palette.fit(self._below_bar(page.height))
        self._run = RunPanel(streams=streams, context=context, top=TOPBAR_HEIGHT + 12)
        self._run.left = self._middle(page.width, RUN_WIDTH)
        self._panels: tuple[BoundView, ...] = (self._connection, self._centre, self._palette, self._run)
        for panel in self._panels:
            panel.set_visible(False)
        self._scrim = ft.Container(
            ft.Semantics(content=ft.Container(), label="Close"),
            left=0,
            top=0,
            right=0,
            bottom=0,
            visible=False,
            on_click=lambda _: self.close_panels(),
        )
        self._rail = Rail(self._specs, names.index(first), self.go_to)
        self._rail.fit(page.width, page.height)
        self._topbar.fit(page.width)
        bars = (self._lost, self._server_bar)
        body = ft.Column([self._topbar, *bars, self._stage.control], spacing=0, expand=True)
        frame = ft.Container(
            ft.Row(
                [self._rail.control, body],
                spacing=0,
                expand=True,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            left=0,
            top=0,
            right=0,
            bottom=0,
            bgcolor=PAGE,
        )
        self._keyboard = Keyboard(
            self,
            context,
            self._palette,
            {
                Act.PALETTE: self.open_palette,
                Act.KEYS: self.show_keys,
                Act.SETTINGS: lambda: self.go(Place("settings")),
            },
        )
        self._address = AddressBar(
            page,
            context=context,
            shown=lambda: self.link,
            restore=lambda place: self.go(place, restored=True),
        )
        unseen: list[ft.Control] = [self._ends, self._watch, *([self._address] if page.web else [])]
        super().__init__(
            [self._keyboard.control, frame, self._scrim, *self._panels, self._toasts, *unseen], expand=True
        )
        self._topbar.show_title(self._spec(first).label)
        context.go = self.go
        self._offers = Offers(
            streams=streams,
            commands=commands,
            context=context,
            known=self._palette.known,
            page=lambda: self._host,
            views=self._specs,
            on_theme=self.set_theme,
            frame_actions=self._frame_actions,
        )

    # -- views

    @property
    def current(self) -> str:
        """The name of the view that is shown."""
        return self._stage.current

    def view(self, name: str) -> BoundView:
        """Return a view by its name; makes it if it was not shown yet."""
        return self._stage.view(name)

    @property
    def address(self) -> AddressBar:
        """The browser's address; of a window it is not looked at."""
        return self._address

    @property
    def link(self) -> str | None:
        """The link that leads to what is shown; None while that is being made."""
        view = self._stage.shown
        return None if view is None else self._stage.current + view.address

    def go(self, place: Place, *, restored: bool = False) -> None:
        """Show a view, and there what ``place`` names; ``restored`` is one that was shown before."""
        if place.view == RUN and place.show.isdecimal():
            self.show_run(int(place.show))
            return
        if place.view not in self.context.places:
            return
        self.close_panels()
        if place.view != self._stage.current:
            self._rail.choose([s.name for s in self._specs].index(place.view))
            self._topbar.show_title(self._spec(place.view).label)
            self.context.leave()
            self.context.prefs.put("shell.view", place.view)

        def arrive(view: BoundView) -> None:
            if restored:
                view.restore(place.show)
            elif place.show:
                view.arrive(place.show)

        self._stage.show(place.view, arrive)

    def apply(self, look: Look) -> None:
        """Show everything in another way, at once; views that cannot are built anew, where they were left."""
        context = self.context
        redraw = (context.format, context.density) != (look.format, look.density)
        context.format, context.density = look.format, look.density
        context.frame_s = look.frame_s
        context.frames.set_gap(look.frame_s)
        if look.theme != context.theme:
            context.theme = look.theme
            self.set_theme(_theme_mode(look.theme))
        if redraw:
            self._stage.rebuild()

    def _spec(self, name: str) -> ViewSpec:
        return next(spec for spec in self._specs if spec.name == name)

    # -- what lies over the page

    def close_panels(self) -> bool:
        """Close the open panel; return whether there was one."""
        if not self._scrim.visible:
            return False
        self._scrim.visible = False
        if self._palette.visible:
            self.context.typing = False
        for panel in self._panels:
            panel.set_visible(False)
        self.update()
        return True

    def _open(self, panel: BoundView) -> None:
        was_open = panel.visible
        self.close_panels()
        if not was_open:
            panel.set_visible(True)
            self._scrim.visible = True
            self.update()

    def _open_messages(self) -> None:
        self._open(self._centre)
        self.context.messages.mark_seen()

    def open_palette(self) -> None:
        """Open the palette, or close it if it is open."""
        was_open = bool(self._palette.visible)
        self.close_panels()
        if not was_open:
            self._scrim.visible = True
            self._palette.begin()
            self.update()

    def show_keys(self) -> None:
        """Show the list of keys."""
        self.close_panels()
        show_dialog(self._host, self.context, key_sheet())

    def show_run(self, run_id: int) -> None:
        """Show one backup, over whatever is shown."""
        self.close_panels()
        self._run.open(run_id)
        self._open(self._run)

    def _frame_actions(self) -> Sequence[PaletteEntry]:
        def action(label: str, icon: ft.IconData, run: Callable[[], None], **more: Any) -> PaletteEntry:
            return PaletteEntry("Actions", label, icon, run, **more)

        return (
            action("Show messages", ft.Icons.NOTIFICATIONS_NONE, self._open_messages),
            action("Show connection", ft.Icons.CABLE, lambda: self._open(self._connection), words="latency"),
            action(
                "Show keys", ft.Icons.KEYBOARD_OUTLINED, self.show_keys, keys="F1", words="help shortcuts"
            ),
        )

    # -- keys and sizes

    def on_key(self, event: ft.KeyboardEvent) -> None:
        """Take a key."""
        self._keyboard.take(event)

    @property
    def shown(self) -> BoundView | None:
        """The view that is shown; None while it is being made."""
        return self._stage.shown

    @property
    def covered(self) -> bool:
        """Whether a panel lies over the view."""
        return bool(self._scrim.visible)

    def go_to(self, number: int) -> bool:
        """Show the view of this number, counted from 0; return whether there is one."""
        there = number < len(self._specs)
        if there:
            self.go(Place(self._specs[number].name))
        return there

    def on_resize(self, width: float | None, height: float | None) -> None:
        """Give rail and top bar what there is room for."""
        if self._rail.fit(width, height):
            self._rail.control.update()
        self._topbar.fit(width)
        self._palette.left = self._middle(width)
        self._palette.fit(self._below_bar(height))
        self._run.left = self._middle(width, RUN_WIDTH)
        if self._palette.visible or self._run.visible:
            self.update()

    @staticmethod
    def _middle(width: float | None, of: int = PALETTE_WIDTH) -> float:
        return max(0.0, ((width or 1280) - of) / 2)

    @staticmethod
    def _below_bar(height: float | None) -> float | None:
        return None if height is None else height - TOPBAR_HEIGHT - 2 * GAP

    # -- theme

    @property
    def theme(self) -> ft.ThemeMode:
        """The theme that was chosen last; the one of the settings if none was since these changed."""
        return chosen_mode(self.context.prefs, self.context.theme)

    def set_theme(self, mode: ft.ThemeMode) -> None:
        """Choose a theme; it holds until the settings say another one."""
        self.context.prefs.put("shell.theme", mode.value)
        self.context.prefs.put("shell.theme_was", self.context.theme)
        self._topbar.show_theme(mode)
        self._host.theme_mode = mode
        # The theme belongs to the page itself. Its views are isolated, so this walks the frame only.
        self._host.session.patch_control(self._host)

    # -- what is wrong

    def _show_problem_count(self, count: int, grave: bool) -> None:
        """Say on the rail and in the title how many problems count."""
        self._rail.show_problems(count, grave=grave)
        title = f"({count_text(count)}) {TITLE}" if count else TITLE
        if self._host.title != title:
            self._host.title = title
            self._host.session.patch_control(self._host)  # its views are isolated: this walks the frame only

    # -- who is looking

    def keep_still(self) -> None:
        """Let nothing move that need not, here and in what is made from now on."""
        self.context.still = True
        self._stage.keep_still()

    def set_awake(self, awake: bool) -> None:
        """Stop all streams while nobody can see the window, and look again when somebody can."""
        self._ends.set_awake(awake)  # before anything that may fail on a page that is gone
        self._stage.set_awake(awake)
        bars = (self._topbar, self._lost, self._server_bar, self._watch)
        for part in (*bars, self._toasts, self._address, *self._panels):
            part.set_awake(awake)


def chosen_mode(prefs: Prefs, theme: str) -> ft.ThemeMode:
    """Return the theme chosen last; ``theme``, which the settings say, if none was since these changed."""
    kept, of_settings = prefs.get("shell.theme"), prefs.get("shell.theme_was")
    if kept is None or of_settings not in (None, theme):
        return _theme_mode(theme)
    return _theme_mode(str(kept))


def _theme_mode(word: str) -> ft.ThemeMode:
    return next((mode for mode in ft.ThemeMode if mode.value == word), ft.ThemeMode.SYSTEM)
