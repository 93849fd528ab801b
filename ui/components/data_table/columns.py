"""Descriptions of a table's columns, and the values that their cells can show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, TypeVar

import flet as ft

from streams.model.vocabulary import Scope
from ui.base.permissions import Permissions

R = TypeVar("R")


class CellKind(Enum):
    """What draws a cell."""

    TEXT = "text"
    MONO = "mono"
    """Text in the monospace face: ids and hashes."""
    DETAIL = "detail"
    """Text with a second part in the muted colour."""
    STATUS = "status"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class TextCell:
    """Text, and the exact value as tooltip."""

    text: str
    detail: str = ""
    """The second part; only columns of the kind ``DETAIL`` show it."""
    tooltip: str = ""
    color: str | None = None


@dataclass(frozen=True, slots=True)
class StatusCell:
    """A state: always the word and the icon, never the colour alone; ``detail`` is what else holds."""

    word: str
    icon: ft.IconData
    color: str
    tooltip: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProgressCell:
    """How far something is; ``ratio`` None draws a bar without an end, ``active`` False draws none."""

    text: str = ""
    ratio: float | None = None
    active: bool = False
    tooltip: str = ""


_NARROWEST = {CellKind.STATUS: 72, CellKind.PROGRESS: 112, CellKind.DETAIL: 172}
"""Where less would cut what is not text, or a text that leaves room for its detail."""

_SIGN, _ARROW = 8, 15
"""Pixels of a sign of a head, rather more than less, and of the arrow beside it."""

CellValue = TextCell | StatusCell | ProgressCell


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: its head, its room, and what its cells show of a record.

    A column has a ``width`` in pixels or takes its part (``flex``) of what is left, at least ``min_width``.
    Where the table is too narrow, the columns of the highest ``priority`` go first; 0 always stays, unless
    the user hides it. The first column names the row and cannot be hidden.
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
    ages: bool = False
    """Whether it shows how long ago a time was, which falls as the times that it is sorted by rise."""

    @property
    def room(self) -> int:
        """The pixels it needs at least."""
        return self.min_width if self.width is None else self.width

    @property
    def narrowest(self) -> int:
        """The pixels below which it cannot be dragged: its head can still be read."""
        head = len(self.label) * _SIGN + (_ARROW if self.sortable else 0)
        return min(self.room, max(_NARROWEST.get(self.kind, 48), head))


@dataclass(frozen=True, slots=True)
class RowAction:
    """One entry of a row's menu."""

    label: str
    icon: ft.IconData
    run: Callable[[], object]
    """Called on the loop; may return a coroutine, which is then awaited."""
    refused: str = ""
    """Why it cannot be done now; empty where it can."""
    destructive: bool = False
    needs: Scope | None = None
    """The scope that it takes, where it is an order to the server."""

    def under(self, permissions: Permissions) -> "RowAction":
        """Return it as it can be given now."""
        return replace(self, refused=permissions.refusal(self.needs, self.refused))


LANE_MIN_WIDTH = 540
"""Narrower than this, a row can no longer say what matters."""


def lanes_that_fit(records: int, per_lane: int, width: float, screens: int | None) -> int:
    """Return in how many lanes ``records`` stand to fit on ``screens``, as far as there is room."""
    if screens is None:
        return 1
    wanted = -(-records // (per_lane * screens))
    return max(1, min(wanted, int(width // LANE_MIN_WIDTH)))
