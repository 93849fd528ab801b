"""The look: sizes, colour roles, and one table of word, icon and tone for each state.

Colours of states are carried by roles of the colour scheme that no Material control uses, so a change of
theme is one message to the client and no control needs to be told; the colours are in ``schemes.py``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import flet as ft

from streams.model.safe_text import label_text
from streams.model.vocabulary import (
    ClientState,
    FileState,
    Health,
    LinkState,
    RunState,
    ServerState,
    TransferState,
)
from ui.base.layout import FOOT_HEIGHT

FACE: Final = "Roboto"
"""The face of all words; the client program for browsers brings it along."""
MONO: Final = "Tidewatch Mono"
"""The face for hashes, ids, paths and SQL."""
STRONG_FACE: Final = "Tidewatch SemiBold"
"""The face of titles and numbers: Roboto drawn in that weight; bold made from the regular one blurs."""
STRONG: Final = ft.FontWeight.W_600
"""The weight of ``STRONG_FACE``, so that the client thickens nothing."""
FONTS: Final = {MONO: "fonts/JetBrainsMono-Regular.ttf", STRONG_FACE: "fonts/Roboto-SemiBold.ttf"}
"""Fonts of ``ui/assets`` that a browser needs."""
WINDOW_FONTS: Final = {**FONTS, FACE: "fonts/Roboto-Regular.ttf"}
"""The same for a window, which would take a face of the system: with most of them words are wider."""

PAGE_PADDING: Final = 20
VIEW_PADDING: Final = ft.Padding.only(
    left=PAGE_PADDING, top=PAGE_PADDING, right=PAGE_PADDING, bottom=PAGE_PADDING + FOOT_HEIGHT
)
"""Around a view that fills the window."""
SCROLLED_PADDING: Final = ft.Padding.only(left=PAGE_PADDING, top=PAGE_PADDING, right=PAGE_PADDING)
"""Around a view that scrolls as a whole: what it ends with is its own."""
GAP: Final = 12
CARD_PADDING: Final = ft.Padding.symmetric(vertical=15, horizontal=17)
"""From the outer edge of its border."""
RADIUS: Final = 10
FADE_MS: Final = 120
SIZE_TITLE: Final = 20
SIZE_CARD_TITLE: Final = 13
SIZE_NUMBER: Final = 28
SIZE_BODY: Final = 13
SIZE_SMALL: Final = 11.5

PAGE: Final = ft.Colors.SURFACE
CARD: Final = ft.Colors.SURFACE_CONTAINER_LOWEST
FLOAT: Final = ft.Colors.SURFACE_BRIGHT
"""What lies over the page: panels, toasts, dialogs."""
LINE: Final = ft.Colors.OUTLINE_VARIANT
"""Borders of cards and between rows: decoration, which may be faint."""
FIELD_LINE: Final = ft.Colors.OUTLINE
"""Borders by which a text field is known: 3:1 on every surface."""
INK: Final = ft.Colors.ON_SURFACE
QUIET_INK: Final = ft.Colors.ON_SURFACE_VARIANT
SELECTED: Final = ft.Colors.SECONDARY_CONTAINER
HOVER: Final = ft.Colors.with_opacity(0.04, ft.Colors.ON_SURFACE)


class Density(StrEnum):
    """How tall a table row is."""

    COMFORTABLE = "comfortable"
    STANDARD = "standard"
    COMPACT = "compact"

    @property
    def row_height(self) -> int:
        """Height of a row in pixels."""
        return {Density.COMFORTABLE: 44, Density.STANDARD: 36, Density.COMPACT: 30}[self]


class Tone(StrEnum):
    """What a colour says; never said by colour alone."""

    OK = "ok"
    BUSY = "busy"
    WARNING = "warning"
    BAD = "bad"
    QUIET = "quiet"

    @property
    def color(self) -> ft.Colors:
        """The role that carries this tone in both themes."""
        return _TONE_ROLES[self]

    def tint(self, opacity: float = 0.12) -> str:
        """A faint background of this tone."""
        return ft.Colors.with_opacity(opacity, self.color)


_TONE_ROLES: Final = {
    Tone.OK: ft.Colors.TERTIARY_FIXED,
    Tone.BUSY: ft.Colors.SECONDARY_FIXED,
    Tone.WARNING: ft.Colors.PRIMARY_FIXED,
    Tone.BAD: ft.Colors.ERROR,
    Tone.QUIET: ft.Colors.TERTIARY_FIXED_DIM,
}


@dataclass(frozen=True, slots=True)
class StateLook:
    """The same word, icon and tone for a state wherever it stands."""

    word: str
    icon: ft.IconData
    tone: Tone


_CHECK, _SYNC, _WARN = ft.Icons.CHECK_CIRCLE, ft.Icons.SYNC, ft.Icons.WARNING_AMBER
_ERROR, _CLOUD, _PAUSE = ft.Icons.ERROR, ft.Icons.CLOUD_OFF, ft.Icons.PAUSE_CIRCLE

BACKING_UP: Final = StateLook("backing up", _SYNC, Tone.BUSY)
BACKUP_QUEUED: Final = StateLook("backup queued", ft.Icons.SCHEDULE, Tone.QUIET)
OVERDUE: Final = StateLook("overdue", _WARN, Tone.WARNING)
TO_BE_REMOVED: Final = StateLook("to be removed", ft.Icons.AUTO_DELETE, Tone.WARNING)
FAILING: Final = StateLook("failing", _ERROR, Tone.BAD)

_QUEUED: Final = StateLook("queued", ft.Icons.SCHEDULE, Tone.QUIET)
_LOOKS: Final[dict[type[StrEnum], dict[StrEnum, StateLook]]] = {
    ClientState: {
        ClientState.ONLINE: StateLook("online", _CHECK, Tone.OK),
        ClientState.OFFLINE: StateLook("offline", _CLOUD, Tone.QUIET),
        ClientState.DISCONNECTED: StateLook("disconnected", _PAUSE, Tone.QUIET),
        ClientState.REVOKED: StateLook("revoked", ft.Icons.KEY_OFF, Tone.WARNING),
        ClientState.NEVER: StateLook("never connected", _CLOUD, Tone.QUIET),
    },
    RunState: {
        RunState.QUEUED: _QUEUED,
        RunState.RUNNING: StateLook("running", _SYNC, Tone.BUSY),
        RunState.COMPLETE: StateLook("complete", _CHECK, Tone.OK),
        RunState.PARTIAL: StateLook("partial", _WARN, Tone.WARNING),
        RunState.FAILED: StateLook("failed", _ERROR, Tone.BAD),
        RunState.CANCELLED: StateLook("cancelled", _PAUSE, Tone.QUIET),
    },
    FileState: {
        FileState.VERIFIED: StateLook("verified", _CHECK, Tone.OK),
        FileState.STORED: StateLook("stored", ft.Icons.INVENTORY_2, Tone.QUIET),
        FileState.DAMAGED: StateLook("damaged", _ERROR, Tone.BAD),
        FileState.VANISHED: StateLook("vanished", _CLOUD, Tone.QUIET),
        FileState.DELETED: StateLook("deleted", ft.Icons.DELETE, Tone.QUIET),
    },
    ServerState: {
        ServerState.RUNNING: StateLook("running", _CHECK, Tone.OK),
        ServerState.STOPPING: StateLook("stopping", _SYNC, Tone.WARNING),
        ServerState.STOPPED: StateLook("stopped", _PAUSE, Tone.QUIET),
    },
    TransferState: {
        TransferState.QUEUED: _QUEUED,
        TransferState.RUNNING: StateLook("transferring", _SYNC, Tone.BUSY),
        TransferState.COMPLETE: StateLook("complete", _CHECK, Tone.OK),
        TransferState.FAILED: StateLook("failed", _ERROR, Tone.BAD),
        TransferState.CANCELLED: StateLook("cancelled", _PAUSE, Tone.QUIET),
    },
    LinkState: {
        LinkState.CONNECTING: StateLook("connecting", _SYNC, Tone.BUSY),
        LinkState.LIVE: StateLook("live", _CHECK, Tone.OK),
        LinkState.POLLING: StateLook("polling", _WARN, Tone.WARNING),
        LinkState.STALE: StateLook("stale", _WARN, Tone.WARNING),
        LinkState.DOWN: StateLook("down", _ERROR, Tone.BAD),
    },
    Health: {
        Health.LOADING: StateLook("loading", _SYNC, Tone.BUSY),
        Health.OK: StateLook("ok", _CHECK, Tone.OK),
        Health.STALE: StateLook("stale", _WARN, Tone.WARNING),
        Health.ERROR: StateLook("error", _ERROR, Tone.BAD),
    },
}


def look(state: StrEnum) -> StateLook:
    """Return word, icon and tone of a state of ``streams.model.vocabulary``.

    Looked up by its type first: members of different enums with the same word are equal.
    """
    return _LOOKS[type(state)][state]


def states_with_looks() -> dict[type[StrEnum], dict[StrEnum, StateLook]]:
    """Return the whole table, for the tests and for the legend."""
    return _LOOKS


@ft.control
class SelectableText(ft.Text):
    """Text that can be selected, and is text to a screen reader.

    Without a label the toolkit makes it a text field that has no name and takes nothing.
    """

    selectable: bool | None = True

    def before_update(self) -> None:
        """Keep the label as the text."""
        super().before_update()
        self.semantics_label = self.value if self.selectable else None


def title_text(value: str) -> ft.Text:
    """Return the title of a page."""
    return ft.Text(value, size=SIZE_TITLE, weight=STRONG, font_family=STRONG_FACE, color=INK, no_wrap=True)


def card_title(value: str) -> ft.Text:
    """Return the title of a card."""
    return ft.Text(
        value, size=SIZE_CARD_TITLE, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK, no_wrap=True
    )


def number_text(value: str = "–") -> ft.Text:
    """Return the big number of a card."""
    return ft.Text(value, size=SIZE_NUMBER, weight=STRONG, font_family=STRONG_FACE, color=INK, no_wrap=True)


def body_text(
    value: str = "", *, quiet: bool = False, right: bool = False, width: int | None = None
) -> ft.Text:
    """Return one line of ordinary text, cut with an ellipsis; ``right`` for numbers."""
    return ft.Text(
        label_text(value),
        size=SIZE_BODY,
        color=QUIET_INK if quiet else INK,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        text_align=ft.TextAlign.RIGHT if right else ft.TextAlign.START,
        width=width,
    )


def small_text(value: str = "", *, color: ft.ColorValue = QUIET_INK) -> ft.Text:
    """Return one small quiet line."""
    return ft.Text(value, size=SIZE_SMALL, color=color, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS)


def text_style(size: float | None = None, *, strong: bool = False, **more: Any) -> ft.TextStyle:
    """Return a style for what has one of its own: such a style knows no face but the one it is given."""
    if strong:
        return ft.TextStyle(size=size, font_family=STRONG_FACE, weight=STRONG, **more)
    return ft.TextStyle(size=size, font_family=FACE, weight=ft.FontWeight.W_400, **more)


def mono_text(value: str = "", *, selectable: bool = False, quiet: bool = False) -> ft.Text:
    """Return one line in the monospace face, for hashes, ids and paths."""
    return SelectableText(
        value,
        size=12,
        font_family=MONO,
        color=QUIET_INK if quiet else INK,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        selectable=selectable,
    )
