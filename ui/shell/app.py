"""Puts the console on a page, and takes it off again when the page goes."""

import logging

import flet as ft

from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.context import Prefs, UiContext
from ui.base.layout import MIN_HEIGHT, MIN_WIDTH
from ui.base.schemes import DARK, LIGHT, theme_of
from ui.base.theme import FONTS, PAGE, WINDOW_FONTS
from ui.shell.flet_mount_patch import quicken
from ui.shell.shell import Shell, chosen_mode

_log = logging.getLogger(__name__)

ft.context.disable_auto_update()
quicken()

WINDOW_ICON = "icons/tidewatch.ico"
"""In the assets; systems other than Windows take it from the program's entry in their menu."""


def dress(page: ft.Page, *, prefs: Prefs, theme: str) -> None:
    """Give a page its look; before it is sent for the first time, or it begins in colours of the toolkit.

    ``theme`` is what the settings say: system, light or dark.
    """
    page.title = "Tidewatch"
    page.padding = 0
    page.spacing = 0
    page.fonts = dict(FONTS if page.web else WINDOW_FONTS)
    page.theme = theme_of(LIGHT)
    page.dark_theme = theme_of(DARK)
    page.theme_mode = chosen_mode(prefs, theme)
    page.bgcolor = PAGE


def build_console(page: ft.Page, *, streams: Streams, commands: Commands, context: UiContext) -> Shell:
    """Mount the console on ``page`` and follow the page's life: seen, hidden, gone, back."""
    dress(page, prefs=context.prefs, theme=context.theme)
    page.window.min_width, page.window.min_height = MIN_WIDTH, MIN_HEIGHT
    if not page.web:
        page.window.icon = WINDOW_ICON
    shell = Shell(page, streams=streams, commands=commands, context=context)
    page.session.error = lambda message: _report_crash(context, message)  # pyright: ignore[reportAttributeAccessIssue]

    def on_window(event: ft.WindowEvent[ft.Window]) -> None:
        if event.type in (ft.WindowEventType.FOCUS, ft.WindowEventType.BLUR):
            context.in_front = event.type is ft.WindowEventType.FOCUS
        if event.type in (ft.WindowEventType.MINIMIZE, ft.WindowEventType.HIDE):
            shell.set_awake(False)
        elif event.type in (ft.WindowEventType.RESTORE, ft.WindowEventType.SHOW):
            shell.set_awake(True)

    def on_life(event: ft.AppLifecycleStateChangeEvent) -> None:
        if event.state in (ft.AppLifecycleState.HIDE, ft.AppLifecycleState.PAUSE):
            shell.set_awake(False)
        elif event.state in (ft.AppLifecycleState.SHOW, ft.AppLifecycleState.RESUME):
            shell.set_awake(True)

    def on_connect() -> None:
        shell.set_awake(True)
        page.run_task(_settle_in, page, shell)

    page.on_keyboard_event = shell.on_key
    page.on_resize = lambda event: shell.on_resize(event.width, event.height)
    page.window.on_event = on_window
    page.on_app_lifecycle_state_change = on_life
    page.on_disconnect = lambda _: shell.set_awake(False)
    page.on_connect = on_connect
    page.on_close = lambda _: shell.set_awake(False)
    page.add(shell)
    if page.web:
        page.on_route_change = lambda event: shell.address.take(event.route)
        shell.address.begin()
    page.run_task(_settle_in, page, shell)
    return shell


async def _settle_in(page: ft.Page, shell: Shell) -> None:
    """Have the browser keep its own menu away, and learn whether the system asks for less motion."""
    try:
        if page.web:
            await ft.BrowserContextMenu().disable()
        features = await ft.SemanticsService().get_accessibility_features()
    except (
        RuntimeError,
        TimeoutError,
        TypeError,
        AttributeError,
    ) as error:  # gone, or too old
        _log.debug("the client does not answer: %s", error)
        return
    if features.disable_animations or features.reduce_motion:
        shell.keep_still()


def _report_crash(context: UiContext, message: str) -> None:
    """Say that a handler failed, instead of the red card that would cover everything."""
    line = message.splitlines()[0] if message else "unknown"
    context.report("event handler", RuntimeError(message))
    context.messages.error("Something did not work: this is a fault of the console", detail=line)
