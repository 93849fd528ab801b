"""Visible columns of a table and their widths: the user's choice, as far as there is room. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ui.components.data_table.columns import Column

_WANTED = 0.5
"""What the user asked for goes after all that goes by itself, and before what always stays."""


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What the user chose; the rest is as the table is made."""

    hidden: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    """Asked for: these stay when others go for want of room."""
    widths: Mapping[str, int] = field(default_factory=dict[str, int])

    def hide(self, key: str) -> "ColumnChoice":
        """Show a column no more."""
        return replace(self, hidden=self.hidden | {key}, wanted=self.wanted - {key})

    def want(self, key: str) -> "ColumnChoice":
        """Show a column, rather than others if there is not room for all."""
        return replace(self, hidden=self.hidden - {key}, wanted=self.wanted | {key})

    def resize(self, widths: Mapping[str, int | None]) -> "ColumnChoice":
        """Make columns so wide; None takes back what was chosen."""
        all_widths = {**self.widths, **widths}
        return replace(self, widths={key: width for key, width in all_widths.items() if width is not None})

    def kept(self) -> dict[str, object]:
        """Return it as small JSON."""
        return {"hidden": sorted(self.hidden), "wanted": sorted(self.wanted), "widths": dict(self.widths)}


def kept_choice(kept: object) -> ColumnChoice:
    """Return the choice that was remembered; one that can no longer be read is none."""
    try:
        return msgspec.convert(kept, ColumnChoice) if kept is not None else ColumnChoice()
    except msgspec.ValidationError:
        return ColumnChoice()


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that stand there, in their order, and the width of each in pixels; None takes its part."""

    widths: Mapping[str, int | None]
    parts: Mapping[str, int]
    """The part of what is left, of those without a width."""

    @property
    def shown(self) -> frozenset[str]:
        """The keys of the columns that stand there."""
        return frozenset(self.widths)

    def pixels(self, key: str, width: float, gap: int, fixed: int) -> float:
        """Return how wide a column is in a table of ``width`` pixels."""
        own = self.widths[key]
        if own is not None:
            return float(own)
        taken = sum(each or 0 for each in self.widths.values()) + gap * len(self.widths) + fixed
        return max(0.0, width - taken) * self.parts[key] / sum(self.parts.values())


def lay_out(
    columns: Sequence[Column[Any]], choice: ColumnChoice, width: float, *, gap: int, fixed: int
) -> Layout:
    """Return what stands in ``width`` pixels, ``fixed`` of which are taken already.

    Columns go by falling priority, of equals the last one first; those of priority 0 stay, those that the
    user wants as long as there is room.
    """
    least = {column.key: column.narrowest for column in columns}
    widths = {key: max(width, least.get(key, 0)) for key, width in choice.widths.items()}
    kept = [column for column in columns if column.key not in choice.hidden]
    if _needed([column for column in kept if not column.priority], widths, gap) + fixed > width:
        widths = {}  # chosen for a wider window

    def rank(column: Column[Any]) -> float:
        return min(column.priority, _WANTED) if column.key in choice.wanted else column.priority

    shown: list[Column[Any]] = []
    for column in sorted(kept, key=rank):
        if not column.priority or _needed([*shown, column], widths, gap) + fixed <= width:
            shown.append(column)
        elif column.key not in choice.wanted:
            break  # what matters less does not stand where this had no room
    shown.sort(key=columns.index)
    if all(column.width is not None or column.key in widths for column in shown):
        # Something has to take what is left: those that do by nature, in proportion to what was chosen.
        stretched = [column for column in shown if column.width is None] or shown[:1]
        parts = {column.key: widths.get(column.key) or column.room for column in stretched}
    else:
        parts = {c.key: c.flex for c in shown if c.width is None and c.key not in widths}
    return Layout(
        {c.key: None if c.key in parts else widths.get(c.key) or c.room for c in shown},
        parts,
    )


def _needed(columns: Sequence[Column[Any]], widths: Mapping[str, int], gap: int) -> int:
    return sum((widths.get(column.key) or column.room) + gap for column in columns)


def drag_edge(
    columns: Sequence[Column[Any]], layout: Layout, left: str, pixels: Mapping[str, float], by: float
) -> dict[str, int | None]:
    """Return the widths after the edge at the right of a column was dragged ``by`` pixels.

    The edge follows the pointer: what one neighbour gains the other loses, and nothing else moves.
    ``pixels`` are the widths of all columns when the dragging began.
    """
    by_key = {column.key: column for column in columns}
    order = [column.key for column in columns if column.key in layout.shown]
    right = order[order.index(left) + 1]
    least, most = by_key[left].narrowest - pixels[left], pixels[right] - by_key[right].narrowest
    by = max(min(least, 0.0), min(by, max(most, 0.0)))
    widths: dict[str, int | None] = {}
    if left not in layout.parts or right in layout.parts:
        widths[left] = round(pixels[left] + by)
    if right not in layout.parts or left in layout.parts:
        widths[right] = round(pixels[left] + pixels[right]) - round(pixels[left] + by)
    return widths
