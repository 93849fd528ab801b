"""The questions about a database that this machine opens: ``streams.sources.database.DatabasePort``."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from reactivex import Observable

from app.database.answers import DatabaseAnswers
from streams.model.database import (
    AnswerQuery,
    CellQuery,
    ColumnFilter,
    Outline,
    PageQuery,
    TablePage,
    WholeValue,
)
from streams.model.database_state import CheckResult, DatabaseHealth, Statistics
from streams.model.statements import ExportFormat, ExportProgress, Plan, SqlResult
from streams.operators.from_aiter import from_aiter
from streams.operators.from_coro import from_coro
from streams.operators.spawning import Spawn

T = TypeVar("T")


class DatabasePorts:
    """One method a question; each subscription asks once, disposing it stops the statement."""

    def __init__(self, path: Path, spawn: Spawn) -> None:
        self.path = path
        self.answers = DatabaseAnswers(path)
        self._spawn = spawn

    async def close(self) -> None:
        """Stop what runs and close the file."""
        await self.answers.close()

    def version(self) -> Observable[int]:
        """Another number after each commit of another program."""
        return from_coro(self.answers.version, spawn=self._spawn)

    def outline(self) -> Observable[Outline]:
        """All tables with their capped counts."""
        return from_coro(self.answers.outline, spawn=self._spawn)

    def page(self, query: PageQuery) -> Observable[TablePage]:
        """One page of a table."""
        return self._asked(lambda: self.answers.page(query))

    def whole_value(self, query: CellQuery | AnswerQuery) -> Observable[WholeValue]:
        """One value, up to 1 MiB of it from where the query says."""
        return self._asked(lambda: self.answers.whole_value(query))

    def count(self, table: str, wanted: ColumnFilter | None) -> Observable[int]:
        """The exact number of rows, however long that takes."""
        return self._asked(lambda: self.answers.count(table, wanted))

    def run_sql(self, sql: str) -> Observable[SqlResult]:
        """The answer to a statement that a person wrote."""
        return self._asked(lambda: self.answers.run_sql(sql))

    def plan(self, sql: str) -> Observable[Plan]:
        """How the database would answer a statement."""
        return self._asked(lambda: self.answers.plan(sql))

    def statistics(self, thorough: bool) -> Observable[Statistics]:
        """Where the room goes; ``thorough`` takes all the time it needs."""
        return self._asked(lambda: self.answers.statistics(thorough))

    def health(self) -> Observable[DatabaseHealth]:
        """The state of the file and its locks."""
        return from_coro(self.answers.health, spawn=self._spawn)

    def check(self) -> Observable[CheckResult]:
        """What ``PRAGMA quick_check`` finds."""
        return from_coro(self.answers.check, spawn=self._spawn)

    def export(self, sql: str, kind: ExportFormat, target: Path) -> Observable[ExportProgress]:
        """Write the whole answer to a file; how far that is, and last the path."""
        return from_aiter(lambda: self.answers.export(sql, kind, target), spawn=self._spawn)

    def _asked(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> Observable[T]:
        return from_coro(ask, spawn=self._spawn)
