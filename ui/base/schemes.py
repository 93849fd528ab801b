"""The two colour schemes, light and dark, and the Material theme of each."""

from dataclasses import replace
from typing import Final

import flet as ft

from ui.base.theme import FACE, FLOAT, QUIET_INK, text_style

SEED: Final = "#0F6B7A"

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
    outline="#7A8588",
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
    outline="#818B8E",
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


_FADED: Final = 0.6
"""Part of the quiet ink in the inks of what may no longer be true."""
_INKS: Final = (
    "primary",
    "on_surface",
    "error",
    "tertiary_fixed",
    "secondary_fixed",
    "primary_fixed",
    "tertiary_fixed_dim",
)
FOCUS_RING: Final = ft.BorderSide(2, ft.Colors.PRIMARY)
"""Around the button that has the keyboard."""


def mixed(one: str, other: str, part: float) -> str:
    """Return a colour that has ``part`` (0 to 1) of the other one."""
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * (1 - part) + b * part):02X}" for a, b in pairs)


def faded(scheme: ft.ColorScheme) -> ft.ColorScheme:
    """Return a scheme with its inks moved towards the quiet one, each still 4.5:1 on every surface.

    Opacity would take the contrast away: state colours have little more than 4.5:1.
    """
    quiet = scheme.on_surface_variant
    inks = {ink: mixed(str(getattr(scheme, ink)), str(quiet), _FADED) for ink in _INKS}
    return replace(scheme, **inks)


def fade(control: ft.Container, *, on: bool) -> bool:
    """Draw what a container holds in faded inks, or as usual; return whether that changed anything."""
    theme, dark = (STALE_THEME, STALE_DARK_THEME) if on else (PLAIN_THEME, PLAIN_DARK_THEME)
    if control.theme is theme:
        return False
    control.theme, control.dark_theme = theme, dark
    return True


def theme_of(scheme: ft.ColorScheme) -> ft.Theme:
    """Return the Material 3 theme of one colour scheme."""
    held_back: dict[ft.ControlState, ft.ColorValue] = {ft.ControlState.DISABLED: QUIET_INK}
    ring = {ft.ControlState.FOCUSED: FOCUS_RING}
    return ft.Theme(
        color_scheme_seed=SEED,
        color_scheme=scheme,
        use_material3=True,
        font_family=FACE,
        visual_density=ft.VisualDensity.COMPACT,
        text_theme=ft.TextTheme(
            body_medium=text_style(letter_spacing=0.1),
            label_large=text_style(letter_spacing=0.1),
            # The toolkit would ask for a medium weight, which nothing here has.
            label_medium=text_style(),
            label_small=text_style(),
            title_medium=text_style(),
            title_small=text_style(),
        ),
        text_button_theme=ft.TextButtonTheme(style=ft.ButtonStyle(color=held_back, side=ring)),
        filled_button_theme=ft.FilledButtonTheme(style=ft.ButtonStyle(color=held_back, side=_filled_ring())),
        outlined_button_theme=ft.OutlinedButtonTheme(
            style=ft.ButtonStyle(
                color=held_back, side={**ring, ft.ControlState.DEFAULT: ft.BorderSide(1, ft.Colors.OUTLINE)}
            )
        ),
        icon_button_theme=ft.IconButtonTheme(style=ft.ButtonStyle(side=ring)),
        dialog_theme=ft.DialogTheme(bgcolor=FLOAT),
        popup_menu_theme=ft.PopupMenuTheme(color=FLOAT),
        tooltip_theme=ft.TooltipTheme(wait_duration=ft.Duration(milliseconds=350)),
        scrollbar_theme=ft.ScrollbarTheme(thickness=6, radius=3),
        page_transitions=ft.PageTransitionsTheme(
            linux=ft.PageTransitionTheme.NONE,
            windows=ft.PageTransitionTheme.NONE,
            macos=ft.PageTransitionTheme.NONE,
        ),
    )


def _filled_ring() -> dict[ft.ControlState, ft.BorderSide]:
    """Return the ring of a button that has the primary colour itself."""
    return {ft.ControlState.FOCUSED: ft.BorderSide(3, ft.Colors.ON_SURFACE)}


PLAIN_THEME: Final = ft.Theme(color_scheme=LIGHT)
PLAIN_DARK_THEME: Final = ft.Theme(color_scheme=DARK)
STALE_THEME: Final = ft.Theme(color_scheme=faded(LIGHT))
STALE_DARK_THEME: Final = ft.Theme(color_scheme=faded(DARK))
