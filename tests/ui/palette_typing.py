"""Entries of the palette and typing into it, for its tests."""

import flet as ft

from ui.base.palette import PaletteEntry


def entry(label: str, group: str = "Views", **more: object) -> PaletteEntry:
    """Return an entry that does nothing."""
    return PaletteEntry(group, label, ft.Icons.ABC, lambda: None, **more)  # type: ignore[arg-type]


async def type_into(s: object, text: str) -> None:
    """Type into the field of the palette that is open on a stage."""
    field = s.shell._palette.field  # type: ignore[attr-defined]
    await s.h.fire(field, "change", text, value=text)  # type: ignore[attr-defined]
