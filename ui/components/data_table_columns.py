"""How a column of a table is described, and the values its cells can show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

import flet as ft

R = TypeVar("R")


class CellKind(Enum):
    """What draws a cell."""

    TEXT = "text"
    MONO = "mono"
    """Text in the monospace face: ids and hashes."""
    STATUS = "status"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class TextCell:
    """Text with an optional second part in the muted colour, and the exact value as tooltip."""

    text: str
    detail: str = ""
    tooltip: str = ""
    color: str | None = None


@dataclass(frozen=True, slots=True)
class StatusCell:
    """A state: always the word and the icon, never the colour alone."""

    word: str
    icon: ft.IconData
    color: str
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class ProgressCell:
    """How far something is; ``ratio`` None draws a bar without an end, ``active`` False draws none."""

    text: str = ""
    ratio: float | None = None
    active: bool = False
    tooltip: str = ""


CellValue = TextCell | StatusCell | ProgressCell


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: its head, its room, and what its cells show of a record.

    A column has a ``width`` in pixels or takes its part (``flex``) of what is left, at least ``min_width``.
    Where the table is too narrow, the columns of the highest ``priority`` go first; 0 always stays.
    """

    key: str
    label: str
    cell: Callable[[R], CellValue]
    kind: CellKind = CellKind.TEXT
    width: int | None = None
    flex: int = 1
    min_width: int = 96
    numeric: bool = False
    sort_key: Callable[[R], Any] | None = None
    """Of the record, for sorting in memory; None as a value sorts last in both directions."""
    sortable: bool = True
    priority: int = 0
    tooltip: str = ""

    @property
    def room(self) -> int:
        """The pixels it needs at least."""
        return self.min_width if self.width is None else self.width


@dataclass(frozen=True, slots=True)
class RowAction:
    """One entry of a row's menu."""

    label: str
    icon: ft.IconData
    run: Callable[[], object]
    """Called on the loop; may return a coroutine, which is then awaited."""
    enabled: bool = True
    destructive: bool = False


LANE_MIN_WIDTH = 540
"""Narrower than this, a row can no longer say what matters."""


def lanes_that_fit(records: int, per_lane: int, width: float, screens: int | None) -> int:
    """Return in how many lanes ``records`` stand to fit on ``screens``, as far as there is room."""
    if screens is None:
        return 1
    wanted = -(-records // (per_lane * screens))
    return max(1, min(wanted, int(width // LANE_MIN_WIDTH)))


def columns_that_fit(columns: Sequence[Column[Any]], width: float, gap: int, fixed: int) -> frozenset[str]:
    """Return the keys of the columns to show in ``width`` pixels, ``fixed`` of which are taken already.

    Columns go by falling priority, of equals the last one first; those of priority 0 always stay.
    """
    shown = list(columns)
    while sum(column.room + gap for column in shown) + fixed > width:
        candidates = [column for column in shown if column.priority > 0]
        if not candidates:
            break
        highest = max(column.priority for column in candidates)
        shown.remove([column for column in candidates if column.priority == highest][-1])
    return frozenset(column.key for column in shown)
