"""Statements of the catalogue that take long or fail are said in the log, without the values they carry."""

import re
import time
from typing import Any

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from app.catalogue.errors import understood

log = structlog.stdlib.get_logger(__name__)

SLOW_S = 0.25
"""A statement that takes longer is said, in seconds."""
LONGEST_SQL = 300
_SPACE = re.compile(r"\s+")
_LITERAL = re.compile(r"'(?:[^']|'')*'")


def note_slow(engine: Engine, *, slow_s: float = SLOW_S) -> None:
    """Say slow statements of ``engine`` as warnings, and failed ones."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        context._began_s = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def _after(_connection: Any, cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
        took_s = time.perf_counter() - context._began_s
        if took_s >= slow_s:
            log.warning(
                "slow_statement", seconds=round(took_s, 3), rows=max(cursor.rowcount, 0), sql=shape(sql)
            )

    @event.listens_for(engine, "handle_error")
    def _on_error(failed: ExceptionContext) -> None:
        reason = str(failed.original_exception)
        if "interrupted" not in reason:  # a question whose asker has left
            # What has a meaning is told as one clear line by whoever gets it; the rest is a mistake of ours.
            say = log.info if understood(failed.original_exception) else log.error
            say("statement_failed", reason=reason, sql=shape(failed.statement or ""))

    # The engine's registry of events keeps them alive; named here so that no checker calls them unused.
    del _before, _after, _on_error


def shape(sql: str) -> str:
    """Return a statement on one line without the values written in it, cut to a readable length."""
    text = _SPACE.sub(" ", _LITERAL.sub("'…'", sql)).strip()
    return text if len(text) <= LONGEST_SQL else f"{text[:LONGEST_SQL]} …"
