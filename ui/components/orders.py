"""Orders to the server: while it is lost none is offered, and what would give one says why."""

from typing import Final

import flet as ft

from ui.theme import HELD_BACK

NO_CONNECTION: Final = "There is no connection to the server"
"""Why an order is not offered while the server is lost."""


def hold_back(
    order: ft.LayoutControl, lost: bool, *, refused: str = "", tooltip: str = "", own_ink: bool = False
) -> list[ft.Control]:
    """Offer what gives an order, or hold it back: the server is lost, or ``refused`` says why it takes none.

    It shows the reason, else ``tooltip``. What has colours of its own (``own_ink``) does not pale by itself.
    Returns the controls to update.
    """
    why = NO_CONNECTION if lost else refused
    looks = (bool(why), why or tooltip or None, HELD_BACK if why and own_ink else 1.0)
    if (order.disabled, order.tooltip, order.opacity) == looks:
        return []
    order.disabled, order.tooltip, order.opacity = looks
    return [order]
