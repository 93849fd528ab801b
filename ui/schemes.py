"""The two colour schemes, light and dark, and the Material theme of each."""

from typing import Final

import flet as ft

from ui.theme import FACE, FLOAT, text_style

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


def theme_of(scheme: ft.ColorScheme) -> ft.Theme:
    """Return the Material 3 theme of one colour scheme."""
    return ft.Theme(
        color_scheme_seed=SEED,
        color_scheme=scheme,
        use_material3=True,
        font_family=FACE,
        visual_density=ft.VisualDensity.COMPACT,
        text_theme=ft.TextTheme(
            body_medium=text_style(letter_spacing=0.1), label_large=text_style(letter_spacing=0.1)
        ),
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
