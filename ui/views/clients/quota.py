"""The quota in the details of a client: how much it keeps of how much it may, and a menu that changes it."""

from collections.abc import Callable
from typing import Final

import flet as ft

from streams.model.clients import Client
from ui.base.format import Formatter, ratio_text
from ui.base.theme import INK, QUIET_INK, Tone
from ui.components.menus import minded
from ui.components.orders import hold_back
from ui.components.progress import ProgressLine
from ui.views.clients.details_present import present_quota

GIB: Final = 2**30
CHOICES: Final[tuple[int | None, ...]] = (
    None,
    0,
    *(size * GIB for size in (10, 25, 50, 100, 250, 500, 1024, 2048, 5120, 10240)),
)
NEARLY: Final = 0.9


class QuotaPart:
    """Use against quota as words and a bar; ``on_quota`` is told what is chosen of its menu."""

    def __init__(self, on_quota: Callable[[int | None], None]) -> None:
        self._on_quota = on_quota
        self._words = ft.Text("", size=13, color=INK)
        self.pencil = ft.Icon(ft.Icons.EDIT, size=14, color=QUIET_INK)
        self._bar = ProgressLine(semantics_label="Use of the quota")
        self._bar_place = ft.Container(self._bar, visible=False)
        self._items = {choice: self._item(choice) for choice in CHOICES}
        self.menu = minded(
            ft.PopupMenuButton(
                content=ft.Row([self._words, self.pencil], spacing=6, tight=True),
                items=list(self._items.values()),
                menu_position=ft.PopupMenuPosition.UNDER,
            )
        )
        self.control = ft.Column([ft.Row([self.menu], tight=True), self._bar_place], spacing=4, tight=True)

    def _item(self, choice: int | None) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(
            content=ft.Text("", size=13, color=INK),
            height=34,
            on_click=lambda _event: self._on_quota(choice),
        )

    def show(self, client: Client, default_bytes: int, words: Formatter, *, refused: str) -> list[ft.Control]:
        """Show use and quota, and whether it can be changed now; return the controls to update."""
        quota = default_bytes if client.quota_bytes is None else client.quota_bytes
        ratio = client.held_bytes / quota if quota else None
        tone = Tone.BUSY if ratio is None or ratio < NEARLY else Tone.WARNING if ratio < 1 else Tone.BAD
        tooltip = "Change how much it may keep, before compression"
        changed = hold_back(self.menu, refused, tooltip=tooltip)
        changed += hold_back(self.pencil, refused, own_ink=True)
        if self._bar.set(None if ratio is None else min(ratio, 1.0), tone=tone):
            changed.append(self._bar)
        text = present_use(client, quota, words)
        offered = [present_choice(choice, default_bytes, words) for choice in CHOICES]
        items = list(self._items.values())
        checked = [choice == client.quota_bytes for choice in CHOICES]
        shown = [item.content.value for item in items if isinstance(item.content, ft.Text)]
        if self._words.value == text and shown == offered and [item.checked for item in items] == checked:
            return changed
        self._words.value = text
        self._words.color = INK if tone is Tone.BUSY else tone.color
        self._bar_place.visible = ratio is not None
        for item, words_of, is_own in zip(items, offered, checked, strict=True):
            item.content = ft.Text(words_of, size=13, color=INK)
            item.checked = is_own
        return [self.control]


def present_use(client: Client, quota: int, words: Formatter) -> str:
    """Return how much a client keeps of how much it may: ``1.2 GiB of 50.0 GiB, 2 %``."""
    held = words.size(client.held_bytes)
    own = "" if client.quota_bytes is not None else ", as set on the server"
    if not quota:
        return f"{held}, no quota{own}"
    full = ": new files are refused" if client.held_bytes >= quota else ""
    return f"{held} of {words.size(quota)}, {ratio_text(client.held_bytes / quota)}{own}{full}"


def present_choice(choice: int | None, default_bytes: int, words: Formatter) -> str:
    """Return a quota as it stands in the menu."""
    if choice is None:
        return f"As set on the server: {present_quota(default_bytes, words)}"
    return present_quota(choice, words)
