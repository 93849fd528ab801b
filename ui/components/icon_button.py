"""An icon button that has its tooltip as its name.

The toolkit puts the tooltip on a node around the button, so that the button has no name.
"""

from typing import Any

import flet as ft


@ft.control
class IconButton(ft.IconButton):
    """Named by ``name``, else by its tooltip; ``name`` stays when the tooltip says why it is held back."""

    name: str = ""

    def before_update(self) -> None:
        """Move the words of the tooltip to the icon, which is what the button is named by."""
        super().before_update()
        tip = self.tooltip
        if isinstance(tip, str):
            self.tooltip = ft.Tooltip(message=tip, exclude_from_semantics=True)
        said = self.name or tooltip_text(self)
        for place in ("icon", "selected_icon"):
            icon: Any = getattr(self, place)
            if isinstance(icon, ft.IconData):
                setattr(self, place, ft.Icon(icon, semantics_label=said))
            elif isinstance(icon, ft.Icon) and icon.semantics_label != said:
                icon.semantics_label = said


def tooltip_text(control: ft.Control) -> str:
    """Return the words of a tooltip, in whichever form it is given."""
    tip = getattr(control, "tooltip", None)
    return tip.message if isinstance(tip, ft.Tooltip) else tip or ""
