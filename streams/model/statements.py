"""SQL that a person wrote: its answer, its plan, what is wrong with it, and its way into a file."""

from enum import StrEnum

from streams.model.base import Record
from streams.model.database import Row


class SqlProblem(Record, frozen=True, kw_only=True):
    """What is wrong with a statement, and where."""

    code: str
    message: str
    hint: str = ""
    line: int | None = None
    """From 1 on."""
    column: int | None = None


class SqlResult(Record, frozen=True, kw_only=True):
    """The answer to a statement, or why there is none."""

    sql: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    cut: bool = False
    """There are more rows than were read."""
    took_s: float = 0.0
    masked: tuple[str, ...] = ()
    """Secret columns that it asked for; they were read as NULL."""
    stand_ins: tuple[str, ...] = ()
    """Orders of other programs that it compared by bytes: rows may be missing, or in another order."""
    problem: SqlProblem | None = None


class ScanKind(StrEnum):
    """What a step of a plan costs."""

    SEARCH = "search"
    FULL_SCAN = "full scan"
    INDEX_SCAN = "index scan"
    SORT = "sort"
    OTHER = ""


class PlanStep(Record, frozen=True, kw_only=True):
    """One step of how the database would answer."""

    depth: int
    detail: str
    kind: ScanKind = ScanKind.OTHER


class Plan(Record, frozen=True, kw_only=True):
    """How the database would answer a statement."""

    sql: str
    steps: tuple[PlanStep, ...] = ()
    problem: SqlProblem | None = None


class ExportFormat(StrEnum):
    """How a result is written to a file."""

    CSV = "csv"
    """What a spreadsheet would run begins with an apostrophe."""
    CSV_UNGUARDED = "unguarded csv"
    """All text as it is, for programs that run nothing."""
    JSON = "json"

    @property
    def suffix(self) -> str:
        """How a file of this kind ends."""
        return "json" if self is ExportFormat.JSON else "csv"


class ExportProgress(Record, frozen=True, kw_only=True):
    """How far an export is."""

    rows: int = 0
    size_bytes: int = 0
    path: str | None = None
    """Set once the file is complete."""
