"""Orders to the server: what cannot be ordered now is grey, and says why."""

import flet as ft

from ui.components.icon_button import tooltip_text

HELD_BACK = 0.7
"""Opacity of an icon whose order cannot be given: paler, and still 3:1."""


def hold_back(
    order: ft.LayoutControl, refused: str, *, tooltip: str = "", own_ink: bool = False
) -> list[ft.Control]:
    """Offer what gives an order, or hold it back where ``refused`` says why, see ``Permissions.refusal``.

    It shows the reason, else ``tooltip``. An icon with a colour of its own (``own_ink``) does
    not pale by itself; text takes the quiet ink of the theme's disabled buttons.
    Returns the controls to update.
    """
    looks = (bool(refused), refused or tooltip or None, HELD_BACK if refused and own_ink else 1.0)
    if (order.disabled, tooltip_text(order) or None, order.opacity) == looks:
        return []
    order.disabled, order.tooltip, order.opacity = looks
    return [order]
