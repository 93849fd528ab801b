"""The one keymap of the console: what a key means anywhere, and the sheet that lists all of them."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, runtime_checkable

import flet as ft

from ui.base.theme import LINE, QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, body_text, mono_text, text_style


class Act(Enum):
    """What a key asks of the frame, whatever view is shown."""

    PALETTE = "palette"
    KEYS = "keys"
    CLOSE = "close"
    FIND = "find"
    SETTINGS = "settings"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, with Ctrl (Cmd on a Mac) or without; ``anywhere`` also while somebody types."""

    act: Act
    key: str
    ctrl: bool = False
    anywhere: bool = True


class RowNavigator(Protocol):
    """What the keys walk in a view: the rows of a table, or lines."""

    def take_key(self, event: ft.KeyboardEvent) -> bool:
        """Take a key that nothing before it wanted; return whether it was for the rows."""
        ...

    async def focus(self) -> None:
        """Take the keyboard."""
        ...


@runtime_checkable
class HasMenus(Protocol):
    """Rows that have menus."""

    async def open_menu(self) -> None:
        """Open the menu of the current row; nothing where there is none."""
        ...


@runtime_checkable
class HasRows(Protocol):
    """A view whose rows the keys walk."""

    @property
    def row_navigator(self) -> RowNavigator | None:
        """The rows; None while there are none."""
        ...


KEYMAP: Final[tuple[Key, ...]] = (
    Key(Act.PALETTE, "K", ctrl=True),
    Key(Act.KEYS, "F1"),
    Key(Act.CLOSE, "Escape"),
    Key(Act.FIND, "F", ctrl=True),
    Key(Act.FIND, "/", anywhere=False),
    Key(Act.SETTINGS, ",", ctrl=True),
    Key(Act.UP, "Arrow Up"),
    Key(Act.DOWN, "Arrow Down"),
)
_BY_KEY: Final = {(key.key, key.ctrl): key for key in KEYMAP}


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """What a key does."""

    keys: str
    does: str


SHEET: Final[dict[str, tuple[KeyHelp, ...]]] = {
    "Everywhere": (
        KeyHelp("Ctrl+K", "Search or jump: views, clients, files, settings, actions"),
        KeyHelp("Ctrl+F  /", "Into the search field of the view"),
        KeyHelp("1 … 9", "Go to a view, unless a text field has the focus"),
        KeyHelp("Ctrl+1 … 9", "Go to a view from anywhere"),
        KeyHelp("Ctrl+,", "Settings"),
        KeyHelp("F1", "This list"),
        KeyHelp("Esc", "Close a dialog or panel, empty a field, leave it, close details, deselect"),
        KeyHelp("Tab  Shift+Tab", "To the next or previous control"),
        KeyHelp("Enter  Space", "Press the button that has the focus"),
    ),
    "Tables": (
        KeyHelp("↑ ↓  PgUp PgDn", "Walk the rows, unless a text field has the focus; details follow"),
        KeyHelp("Home  End", "To the first or the last row"),
        KeyHelp("← →", "To the rows beside, where rows stand side by side"),
        KeyHelp("Shift+↑ ↓", "Select the rows one walks over"),
        KeyHelp("Space", "Select or deselect the current row"),
        KeyHelp("Ctrl+A", "Select all rows"),
        KeyHelp("Enter", "Open the details of the current row"),
        KeyHelp("Menu  Shift+F10", "Open the menu of the current row"),
    ),
    "Database": (
        KeyHelp("Ctrl+Enter", "Run the query"),
        KeyHelp("Ctrl+Space", "Complete a name; again: the next one"),
    ),
    "Logs": (
        KeyHelp("P", "Pause or follow"),
        KeyHelp("↑ ↓  PgUp PgDn", "Walk the lines and show their details"),
        KeyHelp("Home  End", "To the first or the last line"),
    ),
}


def act_of(event: ft.KeyboardEvent, typing: bool) -> Act | None:
    """Return what a key asks of the frame; None if it is for the view."""
    if event.alt or (event.shift and event.key != "/"):
        return None
    ctrl = event.ctrl or event.meta
    key = _BY_KEY.get((event.key.upper() if ctrl else event.key, ctrl))
    return None if key is None or (typing and not key.anywhere) else key.act


def asks_for_menu(event: ft.KeyboardEvent) -> bool:
    """Return whether a key asks for the menu of what has the keyboard."""
    if event.ctrl or event.alt or event.meta:
        return False
    return event.key == "F10" if event.shift else event.key == "Context Menu"


def view_number(event: ft.KeyboardEvent, typing: bool) -> int | None:
    """Return the number of the view that a key asks for, counted from 0; None if it asks for none."""
    key = event.key.removeprefix("Numpad ").removeprefix("Digit ")
    if not (len(key) == 1 and key in "123456789") or event.alt or event.shift or event.meta:
        return None
    if typing and not event.ctrl:
        return None
    return int(key) - 1


def key_sheet() -> ft.AlertDialog:
    """Return the dialog that lists the keys."""
    parts: list[ft.Control] = []
    for title, keys in SHEET.items():
        parts.append(
            ft.Container(
                ft.Text(title, size=12, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK),
                padding=ft.Padding.only(top=10, bottom=2),
            )
        )
        parts += [_line(key) for key in keys]
    return ft.AlertDialog(
        title=ft.Text("Keys", size=18, weight=STRONG, font_family=STRONG_FACE),
        content=ft.Container(
            ft.Column(parts, spacing=0, tight=True),
            width=520,
            border=ft.Border.only(top=ft.BorderSide(1, LINE)),
        ),
        scrollable=True,
        content_text_style=text_style(size=SIZE_BODY),
        shape=ft.RoundedRectangleBorder(radius=14),
    )


def _line(key: KeyHelp) -> ft.Row:
    return ft.Row(
        [
            ft.Container(
                mono_text(key.keys, quiet=True),
                width=150,
                padding=ft.Padding.symmetric(vertical=4),
            ),
            ft.Container(body_text(key.does), expand=True),
        ]
    )
