"""The time of each SQL statement that a benchmark runs, as a table: shape, how often, middle and longest."""

import re
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.benchmarks.report import Sample

_SPACE = re.compile(r"\s+")
_LIST = re.compile(r"\((?:\?, )+\?\)")
_COLUMNS = re.compile(r"^(SELECT )(?:[\w.]+(?: AS \w+)?, ){4,}[\w.]+(?: AS \w+)?( FROM )")

Times = dict[str, list[float]]
"""Milliseconds on the processor, by the shape of the statement."""


def shape(sql: str) -> str:
    """Return a statement on one line: lists of values and long lists of columns are left out."""
    line = _LIST.sub("(?, ...)", _SPACE.sub(" ", sql).strip())
    return _COLUMNS.sub(r"\1...\2", line)


@contextmanager
def timed_statements() -> Generator[Times]:
    """Gather how long each statement of all engines takes on the processor."""
    taken: Times = defaultdict(list)

    def before(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        context._began_on_processor_s = time.process_time()

    def after(_connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
        taken[shape(sql)].append((time.process_time() - context._began_on_processor_s) * 1000)

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield taken
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


def write_table(path: Path, taken: Times) -> None:
    """Write all statements as a table in Markdown, the longest first."""
    lines = ["| longest ms | 99 in 100 | middle | times | statement |", "|---|---|---|---|---|"]
    for sql, values in sorted(taken.items(), key=lambda each: -max(each[1])):
        sample = Sample(tuple(values), "ms")
        numbers = f"{max(values):.1f} | {sample.quantile(0.99):.1f} | {sample.median:.1f} | {len(values):,}"
        lines.append(f"| {numbers} | `{sql.replace('|', chr(92) + '|')}` |")
    path.write_text("\n".join(lines) + "\n")
