"""SQL that a person wrote: its answer, where it is wrong, and how the database would go about it."""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

from app.database.connection import Reader
from app.database.session import Cursor
from app.database.shield import Refusal
from app.database.sqlite_errors import hint_of
from app.database.values import size_of
from streams.model.database import AnswerQuery, RawText, Row, Stored, WholeValue
from streams.model.failures import CommandFailed
from streams.model.statements import Plan, PlanStep, ScanKind, SqlProblem, SqlResult

_PLACES = (
    (re.compile(r'near "(.*)": syntax error', re.DOTALL), True),
    (re.compile(r'unrecognized token: "(.*)"', re.DOTALL), False),
    (re.compile(r"no such (?:column|table|function|module|index|collation sequence|view): (.*)"), False),
    (re.compile(r"ambiguous column name: (.*)"), False),
    (re.compile(r"wrong number of arguments to function (.*)\(\)"), False),
    (re.compile(r"misuse of (?:aggregate|window function)(?: function)?:? (.*)\(\)"), False),
)
_SKIPPED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


ANSWER_BYTES = 16 * 1024**2
"""An answer ends after so much of what its cells show, and says that there is more."""


def run_statement(reader: Reader, sql: str, limit: int) -> SqlResult:
    """Return the first ``limit`` rows; what is wrong with the statement is in the result, not raised."""
    start = time.monotonic()
    try:
        cursor = reader.statement(sql, short=True)
        rows, cut = _bounded(cursor, limit)
        cursor.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        problem = problem_of(reader, sql, error, time.monotonic() - start)
        return SqlResult(sql=sql, took_s=time.monotonic() - start, problem=problem)
    return SqlResult(
        sql=sql,
        columns=cursor.columns,
        rows=tuple(rows),
        cut=cut,
        took_s=time.monotonic() - start,
        masked=reader.masked(),
        stand_ins=tuple(sorted(reader.session.authority.stand_ins)),
    )


def _bounded(cursor: Cursor, limit: int) -> tuple[list[Row], bool]:
    """Return rows up to the limits of their number and their size, and whether there are more."""
    rows: list[Row] = []
    size = 0
    for row in cursor:
        if len(rows) == limit or size > ANSWER_BYTES:
            return rows, True
        rows.append(tuple(row))
        size += sum(map(size_of, row))
    return rows, False


def whole_of_answer(reader: Reader, query: AnswerQuery, most: int) -> WholeValue:
    """Run a statement again for one value: up to ``most`` bytes of it, from where the query says."""
    sql = reader.screened(query.sql)
    found = reader.session.part_of(sql, query.row, query.column, query.start_bytes, most)
    if found is None:
        raise CommandFailed(
            "The row is gone.", code="not_found", hint="The data has changed; run the statement again."
        )
    value, size = found
    return part_of_whole(value, size, query.start_bytes, _bytes_in(value))


def _bytes_in(value: Stored) -> int:
    match value:
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case RawText():
            return len(value.raw)
        case _:
            return 0


def part_of_whole(value: Any, size: int, start: int, kept: int) -> WholeValue:
    """Return a part of ``kept`` bytes of a value with what is known of the whole."""
    end = start + kept
    return WholeValue(value=value, size_bytes=size, start_bytes=start, end_bytes=end, cut=end < size)


def problem_of(reader: Reader, sql: str, error: sqlite3.Error | sqlite3.Warning, took_s: float) -> SqlProblem:
    """Return what is wrong in a person's words; raise what is not the statement's fault."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    text = str(error)
    if isinstance(error.__cause__, Refusal):
        hint = "Secret columns cannot be reached, nor what tells of their values."
        return SqlProblem(code="secret", message=text, hint=hint)
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
    if code == sqlite3.SQLITE_NOMEM:
        hint = "Ask for less in one row: substr() of long values, fewer columns."
        return SqlProblem(code="query_failed", message="The statement needs too much memory.", hint=hint)
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
    message, hint = text[:1].upper() + text[1:], hint_of(text)
    if place is None:
        return SqlProblem(code="query_failed", message=message, hint=hint)
    before = sql[:place]
    return _at(message, before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1, hint)


def _at(message: str, line: int, column: int, hint: str = "") -> SqlProblem:
    return SqlProblem(code="query_failed", message=message, hint=hint, line=line, column=column)


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
        reader.session.execute(f"EXPLAIN {prefix}").close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        return "syntax error" in str(error)
    return False


def explain(reader: Reader, sql: str) -> Plan:
    """Return the plan of a statement."""
    try:
        steps = reader.statement(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        return Plan(sql=sql, problem=problem_of(reader, sql, error, 0.0))
    return Plan(sql=sql, steps=plan_steps(steps))


def plan_steps(rows: Sequence[Any]) -> tuple[PlanStep, ...]:
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
