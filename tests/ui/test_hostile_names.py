"""Names from outside in the console: none turns text around or hides a difference."""

import flet as ft

from ui.base.theme import body_text
from ui.components.data_table.cells import cell_of
from ui.components.data_table.columns import CellKind, Column, StatusCell, TextCell

NASTY = "invoice\u202efdp.exe\u200b"
SHOWN = r"invoice\u202efdp.exe\u200b"


def texts(control: ft.Control) -> list[str]:
    """Return what a control says, tooltips included."""
    said = [str(getattr(control, name)) for name in ("value", "tooltip") if getattr(control, name, None)]
    inner = getattr(control, "content", None)
    for child in [*getattr(control, "controls", []), *([inner] if isinstance(inner, ft.Control) else [])]:
        said += texts(child)
    return said


def column(kind: CellKind) -> Column[str]:
    return Column("name", "Name", cell=TextCell, kind=kind)


def test_a_cell_shows_overrides_as_escapes() -> None:
    for kind in (CellKind.TEXT, CellKind.MONO, CellKind.DETAIL):
        cell = cell_of(column(kind))
        cell.show(TextCell(NASTY, detail=NASTY, tooltip=NASTY))
        said = texts(cell.control)
        assert SHOWN in said and NASTY not in said


def test_a_status_and_a_line_of_text_do_too() -> None:
    cell = cell_of(column(CellKind.STATUS))
    cell.show(StatusCell("Failed", ft.Icons.ERROR, "red", detail=NASTY, tooltip=NASTY))
    assert SHOWN in texts(cell.control) and NASTY not in texts(cell.control)
    assert texts(body_text(NASTY)) == [SHOWN]
