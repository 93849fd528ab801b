"""SQL that a person wrote: its answer, where it is wrong, and how the database would go about it."""

import re
import sqlite3
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.bridge.database.connection import Reader
from app.bridge.database.values import short_row
from streams.failures import CommandFailed
from streams.records.database import AnswerQuery, WholeValue
from streams.records.statements import Plan, PlanStep, ScanKind, SqlProblem, SqlResult

_PLACES = (
    (re.compile(r'near "(.*)": syntax error', re.DOTALL), True),
    (re.compile(r'unrecognized token: "(.*)"', re.DOTALL), False),
    (re.compile(r"no such (?:column|table|function|module|index|collation sequence|view): (.*)"), False),
    (re.compile(r"ambiguous column name: (.*)"), False),
    (re.compile(r"wrong number of arguments to function (.*)\(\)"), False),
    (re.compile(r"misuse of (?:aggregate|window function)(?: function)?:? (.*)\(\)"), False),
)
_SKIPPED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


def run_statement(reader: Reader, sql: str, limit: int) -> SqlResult:
    """Return the first ``limit`` rows; what is wrong with the statement is in the result, not raised."""
    start = time.monotonic()
    reader.authority.masked.clear()
    try:
        cursor = reader.connection.execute(sql)
        rows = [short_row(row) for row in cursor.fetchmany(limit + 1)]
        columns = tuple(str(column[0]) for column in cursor.description or ())
        cursor.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        problem = problem_of(reader, sql, error, time.monotonic() - start)
        return SqlResult(sql=sql, took_s=time.monotonic() - start, problem=problem)
    return SqlResult(
        sql=sql,
        columns=columns,
        rows=tuple(rows[:limit]),
        cut=len(rows) > limit,
        took_s=time.monotonic() - start,
        masked=tuple(reader.authority.masked),
    )


def whole_of_answer(reader: Reader, query: AnswerQuery, most: int) -> WholeValue:
    """Run a statement again for one value in full, up to ``most`` bytes of it."""
    cursor = reader.connection.execute(query.sql)
    try:
        row = next(islice(cursor, query.row, None), None)
    finally:
        cursor.close()
    if row is None or query.column >= len(row):
        raise CommandFailed("The row is gone.", hint="The data has changed; run the statement again.")
    value = row[query.column]
    if not isinstance(value, str | bytes):
        return WholeValue(value=value, size_bytes=0)
    raw = value.encode() if isinstance(value, str) else value
    kept = value if len(raw) <= most else raw[:most]
    if isinstance(value, str) and isinstance(kept, bytes):
        kept = kept.decode(errors="ignore")
    return WholeValue(value=kept, size_bytes=len(raw), cut=len(raw) > most)


def problem_of(reader: Reader, sql: str, error: sqlite3.Error | sqlite3.Warning, took_s: float) -> SqlProblem:
    """Return what is wrong in a person's words; raise what is not the statement's fault."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    text = str(error)
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY) or "not authorized" in text:
        return SqlProblem(
            code="read_only",
            message="Only reading is allowed here.",
            hint=f"SQLite says: {text}. Statements that write, attach files or load extensions are refused.",
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        if reader.job.cancelled.is_set():
            raise error
        return SqlProblem(
            code="query_timeout",
            message=f"Stopped after {took_s:.0f} s, the time limit.",
            hint="Look at its plan for a full scan, or ask for less.",
        )
    if code == sqlite3.SQLITE_TOOBIG:
        return SqlProblem(code="query_failed", message="A value is larger than 64 MiB.", hint="Use substr().")
    if code not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        raise error
    if "one statement at a time" in text:
        return SqlProblem(
            code="query_failed",
            message="There is more than one statement.",
            hint="Select the one to run, or remove the others.",
        )
    if "incomplete input" in text:
        lines = sql.rstrip().splitlines() or [""]
        return _at("The statement is not complete.", len(lines), len(lines[-1]) + 1)
    place = _place(reader, sql, text)
    if place is None:
        return SqlProblem(code="query_failed", message=text[:1].upper() + text[1:])
    before = sql[:place]
    return _at(text[:1].upper() + text[1:], before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1)


def _at(message: str, line: int, column: int) -> SqlProblem:
    return SqlProblem(code="query_failed", message=message, line=line, column=column)


def _place(reader: Reader, sql: str, text: str) -> int | None:
    """Return where in the statement the error is."""
    for pattern, by_syntax in _PLACES:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        token = match.group(1)
        places = list(_occurrences(sql, token)) or list(_occurrences(sql, token.rpartition(".")[2]))
        if by_syntax and len(places) > 1:
            return next((at for at in places if _fails_at(reader, sql[: at + len(token)])), places[0])
        return places[0] if places else None
    return None


def _occurrences(sql: str, token: str) -> Iterator[int]:
    if not token:
        return
    hidden = [] if token.startswith("'") else [match.span() for match in _SKIPPED.finditer(sql)]
    bounds = r"\b" if token[0].isalnum() or token[0] == "_" else ""
    for match in re.finditer(f"{bounds}{re.escape(token)}{bounds}", sql, re.IGNORECASE):
        if not any(start <= match.start() < end for start, end in hidden):
            yield match.start()


def _fails_at(reader: Reader, prefix: str) -> bool:
    """Whether the parser gives up at the end of ``prefix``; what could go on is only incomplete."""
    try:
        reader.connection.execute(f"EXPLAIN {prefix}").close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        return "syntax error" in str(error)
    return False


def explain(reader: Reader, sql: str) -> Plan:
    """Return the plan of a statement."""
    try:
        steps = reader.all(f"EXPLAIN QUERY PLAN {sql}")
    except (sqlite3.Error, sqlite3.Warning) as error:
        return Plan(sql=sql, problem=problem_of(reader, sql, error, 0.0))
    return Plan(sql=sql, steps=plan_steps(steps))


def plan_steps(rows: list[tuple[Any, ...]]) -> tuple[PlanStep, ...]:
    """Return the rows of a plan (id, parent, unused, detail) in the order of the tree."""
    depths: dict[int, int] = {0: -1}
    steps: list[PlanStep] = []
    for number, parent, _, detail in rows:
        depths[number] = depths.get(parent, -1) + 1
        steps.append(PlanStep(depth=depths[number], detail=detail, kind=_kind(detail)))
    return tuple(steps)


def _kind(detail: str) -> ScanKind:
    if detail.startswith("SEARCH"):
        return ScanKind.SEARCH
    if detail.startswith("USE TEMP B-TREE"):
        return ScanKind.SORT
    if detail.startswith("SCAN") and "CONSTANT ROW" not in detail and "VIRTUAL TABLE" not in detail:
        return ScanKind.INDEX_SCAN if "INDEX" in detail else ScanKind.FULL_SCAN
    return ScanKind.OTHER
