"""The frame around all views: rail, top bar, what lies over the page, and who is looking."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from streams.bag import Streams
from streams.commands import Commands
from ui import keys
from ui.bound import BoundView
from ui.components.connection_status import ConnectionPanel
from ui.components.lost_bar import LostBar
from ui.components.messages import MessageCentre, ToastLayer
from ui.context import Place, UiContext
from ui.theme import CARD, INK, LINE, PAGE, QUIET_INK, SELECTED
from ui.topbar import HEIGHT, TopBar
from ui.views.registry import VIEWS, ViewSpec

WIDE_FROM: Final = 1440
"""From this width on the rail has room for labels beside its icons."""
_RAIL, _WIDE_RAIL = 72, 200


class Shell(ft.Stack):
    """All views, each mounted once and shown one at a time; a view that is hidden looks at nothing."""

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
        self._views: dict[str, BoundView] = {s.name: s.build(streams, commands, context) for s in self._specs}
        names = [spec.name for spec in self._specs]
        remembered = context.prefs.get("shell.view")
        self._current = str(remembered) if remembered in names else names[0]
        for name, view in self._views.items():
            view.set_visible(name == self._current)
        self._topbar = TopBar(
            streams=streams,
            context=context,
            theme=self.remembered_theme,
            on_connection=lambda: self._open(self._connection),
            on_messages=self._open_messages,
            on_theme=self._set_theme,
            on_keys=self.show_keys,
        )
        self._lost = LostBar(streams=streams, commands=commands, context=context)
        self._connection = ConnectionPanel(
            streams=streams, commands=commands, context=context, top=HEIGHT + 4, right=12
        )
        self._centre = MessageCentre(context=context, top=HEIGHT + 4, right=12)
        self._toasts = ToastLayer(context=context, right=20, bottom=20)
        self._panels: tuple[BoundView, ...] = (self._connection, self._centre)
        for panel in self._panels:
            panel.set_visible(False)
        self._scrim = ft.Container(
            left=0, top=0, right=0, bottom=0, visible=False, on_click=lambda _: self.close_panels()
        )
        self._rail = self._make_rail()
        self._rail_box = ft.Container(
            self._rail, width=_RAIL, bgcolor=CARD, border=ft.Border.only(right=ft.BorderSide(1, LINE))
        )
        self._place_rail(page.width)
        self._stack = ft.Stack(list(self._views.values()), expand=True, fit=ft.StackFit.EXPAND)
        body = ft.Column([self._topbar, self._lost, self._stack], spacing=0, expand=True)
        frame = ft.Container(
            ft.Row(
                [self._rail_box, body],
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
        super().__init__([frame, self._scrim, *self._panels, self._toasts], expand=True)
        self._topbar.show_title(self._spec(self._current).label)
        context.go = self.go

    # -- views

    @property
    def current(self) -> str:
        """The name of the view that is shown."""
        return self._current

    def view(self, name: str) -> BoundView:
        """Return a view by its name."""
        return self._views[name]

    def go(self, place: Place) -> None:
        """Show a view, and there what ``place`` names."""
        if place.view not in self._views:
            return
        self.close_panels()
        if place.view != self._current:
            before, after = self._views[self._current], self._views[place.view]
            self._current = place.view
            before.set_visible(False)
            after.set_visible(True)
            self._rail.selected_index = [s.name for s in self._specs].index(place.view)
            self._topbar.show_title(self._spec(place.view).label)
            self.context.typing = False
            self.context.prefs.put("shell.view", place.view)
            self._stack.update()
            self._rail.update()
        if place.show:
            self._views[place.view].arrive(place.show)

    def _spec(self, name: str) -> ViewSpec:
        return next(spec for spec in self._specs if spec.name == name)

    # -- what lies over the page

    def close_panels(self) -> bool:
        """Close the open panel; return whether there was one."""
        if not self._scrim.visible:
            return False
        self._scrim.visible = False
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

    def show_keys(self) -> None:
        """Show the list of keys."""
        self._host.show_dialog(keys.key_sheet())

    # -- keys and sizes

    def on_key(self, event: ft.KeyboardEvent) -> None:
        """Take a key that no control has taken."""
        if event.key == "F1":
            self.show_keys()
        elif event.key == "Escape" and self.close_panels():
            return
        else:
            number = keys.view_number(event, self.context.typing)
            if number is not None and number < len(self._specs):
                self.go(Place(self._specs[number].name))
            else:
                self._views[self._current].on_key(event)

    def on_resize(self, width: float | None) -> None:
        """Give the rail labels when there is room for them."""
        if self._place_rail(width):
            self._rail_box.update()

    def _place_rail(self, width: float | None) -> bool:
        wide = (width or 0) >= WIDE_FROM
        if wide == bool(self._rail.extended) and self._rail_box.width is not None:
            return False
        self._rail.label_type = ft.NavigationRailLabelType.NONE if wide else ft.NavigationRailLabelType.ALL
        self._rail.extended = wide
        self._rail_box.width = _WIDE_RAIL if wide else _RAIL
        return True

    def _make_rail(self) -> ft.NavigationRail:
        label = ft.TextStyle(size=11, color=QUIET_INK)
        return ft.NavigationRail(
            destinations=[
                ft.NavigationRailDestination(
                    icon=ft.Icon(spec.icon, size=22),
                    selected_icon=ft.Icon(spec.selected_icon, size=22, color=ft.Colors.PRIMARY),
                    label=spec.label,
                )
                for spec in self._specs
            ],
            selected_index=[s.name for s in self._specs].index(self._current),
            label_type=ft.NavigationRailLabelType.ALL,
            min_width=_RAIL - 1,
            min_extended_width=_WIDE_RAIL - 1,
            bgcolor=CARD,
            indicator_color=SELECTED,
            selected_label_text_style=ft.TextStyle(size=11, weight=ft.FontWeight.W_600, color=INK),
            unselected_label_text_style=label,
            leading=ft.Container(
                ft.Icon(ft.Icons.WAVES, size=26, color=ft.Colors.PRIMARY, semantics_label="Tidewatch"),
                padding=ft.Padding.only(top=4, bottom=8),
            ),
            on_change=self._on_rail,
        )

    def _on_rail(self, event: ft.Event[ft.NavigationRail]) -> None:
        self.go(Place(self._specs[int(event.control.selected_index or 0)].name))

    # -- theme

    @property
    def remembered_theme(self) -> ft.ThemeMode:
        """The theme that was chosen last; the one of the settings if none was."""
        kept = self.context.prefs.get("shell.theme", self.context.theme)
        return next((mode for mode in ft.ThemeMode if mode.value == kept), ft.ThemeMode.SYSTEM)

    def _set_theme(self, mode: ft.ThemeMode) -> None:
        self.context.prefs.put("shell.theme", mode.value)
        self._host.theme_mode = mode
        # The theme belongs to the page itself. Its views are isolated, so this walks the frame only.
        self._host.session.patch_control(self._host)

    # -- who is looking

    def set_awake(self, awake: bool) -> None:
        """Stop all streams while nobody can see the window, and look again when somebody can."""
        for part in (*self._views.values(), self._topbar, self._lost, self._toasts, *self._panels):
            part.set_awake(awake)
