"""The keys of the console, and the sheet that lists them."""

from dataclasses import dataclass
from typing import Final

import flet as ft

from ui.theme import LINE, MONO, SIZE_BODY, body_text


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """What a key does."""

    keys: str
    does: str


KEYS: Final[tuple[KeyHelp, ...]] = (
    KeyHelp("1 … 9", "Go to a view, unless a text field has the focus"),
    KeyHelp("Ctrl+1 … 9", "Go to a view from anywhere"),
    KeyHelp("F1", "This list"),
    KeyHelp("Esc", "Close what lies on top"),
    KeyHelp("Tab  Shift+Tab", "To the next or previous control"),
    KeyHelp("Enter  Space", "Press the button that has the focus"),
    KeyHelp("↑ ↓  Home End", "Walk the rows of a table; details follow"),
    KeyHelp("Shift+↑ ↓", "Select the rows one walks over"),
    KeyHelp("Space", "Select or deselect the row"),
    KeyHelp("Ctrl+A", "Select all rows"),
)


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
    return ft.AlertDialog(
        title=ft.Text("Keys", size=18, weight=ft.FontWeight.W_600),
        content=ft.Container(
            ft.Column(
                [
                    ft.Row(
                        [
                            ft.Container(
                                ft.Text(key.keys, size=12, font_family=MONO),
                                width=150,
                                padding=ft.Padding.symmetric(vertical=4),
                            ),
                            ft.Container(body_text(key.does), expand=True),
                        ]
                    )
                    for key in KEYS
                ],
                spacing=2,
                tight=True,
            ),
            width=520,
            border=ft.Border.only(top=ft.BorderSide(1, LINE)),
            padding=ft.Padding.only(top=10),
        ),
        content_text_style=ft.TextStyle(size=SIZE_BODY),
        shape=ft.RoundedRectangleBorder(radius=14),
    )
