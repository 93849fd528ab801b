"""The last value of every subject, with its time and its health: what a late subscriber sees at once."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, TypeVar

from streams.core.safe import Report
from streams.core.schedulers import JobScheduler
from streams.core.types import Seconds
from streams.model.base import utc_now
from streams.state.cell import Cell
from streams.state.environment import Began, Environment, not_before
from streams.state.table_cell import TableCell

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
V = TypeVar("V")


class StateManager:
    """Makes the cells, one for each subject, and keeps them under their names.

    A cell whose subject is silent for longer than its cadence times ``stale_factor`` says so by itself. A
    source that a cell follows runs while somebody listens and ``linger_s`` longer. Mistakes of a source, as
    opposed to failures of the outside world, go to ``report``. Everything here belongs to the loop of
    ``scheduler``.
    """

    def __init__(
        self,
        scheduler: JobScheduler,
        *,
        report: Report,
        now: Callable[[], datetime] = utc_now,
        stale_factor: Seconds = 2.5,
        linger_s: Seconds = 0.0,
        began: Began = not_before,
    ) -> None:
        self._environment = Environment(scheduler, report, now, stale_factor, linger_s, began)
        self._cells: dict[str, Cell[Any] | TableCell[Any, Any]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all subjects, in the order they were made."""
        return tuple(self._cells)

    def cell(self, name: str, cadence_s: Seconds | None = None) -> Cell[Any]:
        """Make the cell of a subject with one value; ``cadence_s`` is how often one is due, if it is."""
        cell: Cell[Any] = Cell(name, cadence_s, self._environment)
        return self._keep(name, cell)

    def table(self, name: str, cadence_s: Seconds | None = None) -> TableCell[Any, Any]:
        """Make the cell of a subject that is a table of keyed rows."""
        table: TableCell[Any, Any] = TableCell(name, cadence_s, self._environment)
        return self._keep(name, table)

    def close(self) -> None:
        """Stop all sources and timers; nothing is emitted any more because of time."""
        for cell in self._cells.values():
            cell.close()

    def _keep(self, name: str, cell: Any) -> Any:
        if name in self._cells:
            raise ValueError(f"there is a subject named {name!r} already")
        self._cells[name] = cell
        return cell
