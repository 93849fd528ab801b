"""How everything looks: the two colour schemes, sizes, and one table of word, icon and colour for each state.

Colours of states are carried by roles of the colour scheme that no Material control uses, so a change of
theme is one message to the client and no control needs to be told.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import flet as ft

from streams.vocabulary import (
    ClientState,
    FileState,
    Health,
    LinkState,
    RunState,
    ServerState,
    TransferState,
)

SEED: Final = "#0F6B7A"
MONO: Final = "Tidewatch Mono"
"""The face for hashes, ids, paths and SQL; shipped under ``ui/assets/fonts``."""
FONTS: Final = {MONO: "fonts/JetBrainsMono-Regular.ttf"}

PAGE_PADDING: Final = 20
GAP: Final = 12
CARD_PADDING: Final = ft.Padding.symmetric(vertical=14, horizontal=16)
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

LIGHT: Final = ft.ColorScheme(
    primary=SEED,
    on_primary="#FFFFFF",
    primary_container="#BCEBF4",
    on_primary_container="#04363E",
    secondary="#4A6268",
    on_secondary="#FFFFFF",
    secondary_container="#E1F7FD",
    on_secondary_container="#0A1F24",
    surface="#F4F7F8",
    surface_bright="#FFFFFF",
    on_surface="#161D1F",
    on_surface_variant="#4A5457",
    surface_container_lowest="#FFFFFF",
    surface_container_low="#F0F4F5",
    surface_container="#EFF4F5",
    surface_container_high="#E4E9EB",
    surface_container_highest="#DEE4E6",
    outline="#6F797C",
    outline_variant="#D3DBDE",
    error="#B3261E",
    on_error="#FFFFFF",
    error_container="#F9DEDC",
    on_error_container="#410E0B",
    inverse_surface="#2B3234",
    on_inverse_surface="#ECF2F3",
    inverse_primary="#86D2E1",
    tertiary_fixed="#1B7F4B",
    secondary_fixed="#1F5FBF",
    primary_fixed="#8A5A00",
    tertiary_fixed_dim="#5B6368",
)
DARK: Final = ft.ColorScheme(
    primary="#86D2E1",
    on_primary="#00363F",
    primary_container="#0B4F5B",
    on_primary_container="#BCEBF4",
    secondary="#B1CBD1",
    on_secondary="#1C3439",
    secondary_container="#284148",
    on_secondary_container="#CDE7ED",
    surface="#0E1416",
    surface_bright="#222A2C",
    on_surface="#DEE3E5",
    on_surface_variant="#B2BDC0",
    surface_container_lowest="#171E20",
    surface_container_low="#151C1E",
    surface_container="#1B2224",
    surface_container_high="#252C2E",
    surface_container_highest="#303739",
    outline="#899396",
    outline_variant="#2F393C",
    error="#FF8A80",
    on_error="#5C0A08",
    error_container="#7A1B16",
    on_error_container="#FFDAD6",
    inverse_surface="#DEE3E5",
    on_inverse_surface="#2B3234",
    inverse_primary=SEED,
    tertiary_fixed="#6FD39B",
    secondary_fixed="#8AB4F8",
    primary_fixed="#F2C14E",
    tertiary_fixed_dim="#A8B0B5",
)


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
FAILING: Final = StateLook("failing", _ERROR, Tone.BAD)

_QUEUED: Final = StateLook("queued", ft.Icons.SCHEDULE, Tone.QUIET)
_LOOKS: Final[dict[type[StrEnum], dict[StrEnum, StateLook]]] = {
    ClientState: {
        ClientState.ONLINE: StateLook("online", _CHECK, Tone.OK),
        ClientState.OFFLINE: StateLook("offline", _CLOUD, Tone.QUIET),
        ClientState.DISCONNECTED: StateLook("disconnected", _PAUSE, Tone.QUIET),
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
    """Return word, icon and tone of a state of ``streams.vocabulary``.

    Looked up by its type first: members of different enums with the same word are equal.
    """
    return _LOOKS[type(state)][state]


def states_with_looks() -> dict[type[StrEnum], dict[StrEnum, StateLook]]:
    """Return the whole table, for the tests and for the legend."""
    return _LOOKS


def theme_of(scheme: ft.ColorScheme) -> ft.Theme:
    """Return the Material 3 theme of one colour scheme."""
    return ft.Theme(
        color_scheme_seed=SEED,
        color_scheme=scheme,
        use_material3=True,
        visual_density=ft.VisualDensity.COMPACT,
        text_theme=ft.TextTheme(
            body_medium=ft.TextStyle(letter_spacing=0.1), label_large=ft.TextStyle(letter_spacing=0.1)
        ),
        dialog_theme=ft.DialogTheme(bgcolor=FLOAT),
        tooltip_theme=ft.TooltipTheme(wait_duration=ft.Duration(milliseconds=350)),
        scrollbar_theme=ft.ScrollbarTheme(thickness=6, radius=3),
        page_transitions=ft.PageTransitionsTheme(
            linux=ft.PageTransitionTheme.NONE,
            windows=ft.PageTransitionTheme.NONE,
            macos=ft.PageTransitionTheme.NONE,
        ),
    )


def title_text(value: str) -> ft.Text:
    """Return the title of a page."""
    return ft.Text(value, size=SIZE_TITLE, weight=ft.FontWeight.W_600, color=INK, no_wrap=True)


def card_title(value: str) -> ft.Text:
    """Return the title of a card."""
    return ft.Text(value, size=SIZE_CARD_TITLE, weight=ft.FontWeight.W_600, color=QUIET_INK, no_wrap=True)


def number_text(value: str = "–") -> ft.Text:
    """Return the big number of a card."""
    return ft.Text(value, size=SIZE_NUMBER, weight=ft.FontWeight.W_600, color=INK, no_wrap=True)


def body_text(
    value: str = "", *, quiet: bool = False, right: bool = False, width: int | None = None
) -> ft.Text:
    """Return one line of ordinary text, cut with an ellipsis; ``right`` for numbers."""
    return ft.Text(
        value,
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


def mono_text(value: str = "", *, selectable: bool = False, quiet: bool = False) -> ft.Text:
    """Return one line in the monospace face, for hashes, ids and paths."""
    return ft.Text(
        value,
        size=12,
        font_family=MONO,
        color=QUIET_INK if quiet else INK,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        selectable=selectable,
    )
