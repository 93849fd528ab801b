"""Each question of the Database view about one file, beside the answer of the ``sqlite3`` program."""

import csv
import io
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bridge.database.ports import DatabasePorts
from app.database.filters import bytes_of, number_of
from app.database.values import quoted
from streams.model.database import (
    COUNT_CAP,
    Blob,
    ColumnFilter,
    Direction,
    FilterKind,
    LongText,
    PageQuery,
    RawText,
    Row,
    TableInfo,
    TableKind,
    TablePage,
    Value,
)
from streams.model.failures import TidewatchError
from streams.model.statements import ExportFormat
from streams.operators.spawning import task_spawner
from tests.databases.reference import Cell, Reference, SqliteFailed
from ui.base.format import Formatter
from ui.views.database.present import value_text

EXPORTED_ROWS = 2_000
COLUMNS_S = 600.0
WALKED_PAGES = 20
_COLUMNS_COMPARED = 300


@dataclass
class Findings:
    """What was asked of one file, and where the answers differ."""

    path: Path
    tables: int = 0
    rows: int = 0
    unread: int = 0
    columns_left_out: int = 0
    """Neither sorted nor filtered: the time for this file was over."""
    questions: int = 0
    differences: list[str] = field(default_factory=list)

    def check(self, good: bool, what: str) -> None:
        """Count a question, and keep it where the answers differ."""
        self.questions += 1
        if not good:
            self.differences.append(what)


async def compare(path: Path, folder: Path, *, columns_s: float = COLUMNS_S) -> Findings:
    """Ask everything about a file; ``folder`` takes the copy and what is exported.

    Columns are sorted and filtered for ``columns_s``, and those that are left counted: views of fifty columns
    are made anew for each of six questions about each of them.
    """
    until = time.monotonic() + columns_s
    found = Findings(path)
    before = _listed(path)
    reference = Reference(path, folder)
    ports = DatabasePorts(path, task_spawner())
    try:
        outline = await ports.outline()
        found.tables = len(outline.tables)
        for table in outline.tables:
            await _Table(found, ports, reference, table, folder, until=until).compare()
        problems = (await ports.check()).problems
        try:
            expected = reference.one("PRAGMA quick_check")
        except SqliteFailed:
            expected = ""  # it needs an order that is not there
        found.check(
            not problems if expected in ("ok", "") else bool(problems), f"check: {problems[:1]} {expected}"
        )
    except TidewatchError as error:
        found.check(False, f"failed: {error.message} {error.hint}")
    finally:
        await ports.close()
    found.check(_listed(path) == before, f"left behind or changed: {_listed(path) ^ before}")
    return found


def _listed(path: Path) -> set[tuple[str, int, int]]:
    beside = [each for each in path.parent.iterdir() if each.name.startswith(path.name) and each.is_file()]
    return {(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in beside}


class _Table:
    def __init__(
        self,
        found: Findings,
        ports: DatabasePorts,
        reference: Reference,
        table: TableInfo,
        folder: Path,
        *,
        until: float,
    ) -> None:
        self._until = until
        self._found, self._ports, self._reference = found, ports, reference
        self._table, self._folder = table, folder
        self._source = f"FROM main.{quoted(table.name)}"
        self._columns = [column.name for column in table.columns]
        self._plain = [at for at, column in enumerate(table.columns) if not column.secret]
        key = ", ".join(map(quoted, table.key))
        self._order = f" ORDER BY {key}" if key else ""

    async def compare(self) -> None:
        try:
            count = int(self._reference.one(f"SELECT count(*) {self._source}"))
        except SqliteFailed as reason:
            self._found.unread += 1
            # The order of another program is the one thing that is read here, though not there.
            good = bool(self._table.problem) or bool(self._table.foreign_orders)
            self._say(good, f"sqlite3 cannot count it ({reason}), but it was counted")
            return
        if self._table.problem:
            hidden = self._table.kind in (TableKind.SHADOW, TableKind.VIEW, TableKind.VIRTUAL)
            secret = "secret" in self._table.problem or "samples" in self._table.problem or hidden
            self._say(secret or "sqlite_" in self._table.name, f"not read: {self._table.problem}")
            self._found.unread += 1
            return
        self._found.rows += count
        self._say(self._table.rows in (None, min(count, COUNT_CAP)), f"{self._table.rows} rows, not {count}")
        first = await self._page(Direction.FIRST)
        if first is None or not self._columns[:_COLUMNS_COMPARED]:
            return
        await self._last(count)
        await self._walk(first, count)
        for at in self._plain[:_COLUMNS_COMPARED]:
            if time.monotonic() > self._until:
                self._found.columns_left_out += 1
                continue
            await self._sort(at)
            await self._filter(at, first)
        await self._export()

    def _say(self, good: bool, what: str) -> None:
        self._found.check(good, f"{self._table.name}: {what}")

    async def _ask(self, query: PageQuery) -> TablePage | None:
        try:
            return await self._ports.page(query)
        except TidewatchError as error:
            # A slow view is said to be slow; sqlite3 would go on for hours.
            slow = getattr(error, "server_code", "") == "query_timeout"
            self._say(slow, f"{query.sort} {query.filter} {query.direction}: {error.message}")
            return None

    async def _page(self, direction: Direction) -> TablePage | None:
        page = await self._ask(PageQuery(table=self._table.name, direction=direction))
        if page is not None and self._columns and self._table.key:
            self._same(page.rows, f"{self._source}{self._order} LIMIT 100", "the first page")
        return page

    async def _last(self, count: int) -> None:
        page = await self._ask(PageQuery(table=self._table.name, direction=Direction.LAST))
        if page is not None and self._table.key:
            start = max(0, count - 100)
            self._same(page.rows, f"{self._source}{self._order} LIMIT 100 OFFSET {start}", "the last page")

    async def _walk(self, page: TablePage, count: int) -> None:
        seen, keys = len(page.rows), set(page.keys)
        for _ in range(WALKED_PAGES):
            if not page.has_after:
                self._say(
                    seen == len(keys) == count or page.ends_early, f"{seen} of {count} rows on its pages"
                )
                return
            query = PageQuery(table=self._table.name, direction=Direction.AFTER, edge=page.last)
            following = await self._ask(query)
            if following is None:
                return
            page = following
            seen += len(page.rows)
            keys |= set(page.keys)
        self._say(seen == len(keys), f"{seen} rows with {len(keys)} keys on its pages")

    async def _sort(self, at: int) -> None:
        name = self._columns[at]
        for descending in (False, True):
            page = await self._ask(PageQuery(table=self._table.name, sort=name, descending=descending))
            if page is None or self._table.foreign_orders:
                continue
            word = " DESC" if descending else ""
            keys = "".join(f", {quoted(part)}{word}" for part in self._table.key)
            rest = f"{self._source} ORDER BY {quoted(name)}{word}{keys} LIMIT 100"
            rows = [(row[at],) for row in page.rows]
            self._same(rows, rest, f"sorted by {name}{word}", columns=[at])

    async def _filter(self, at: int, first: TablePage) -> None:
        name = self._columns[at]
        chosen = next((row[at] for row in first.rows if _shown_whole(row[at])), None)
        if chosen is None:
            return
        text = chosen if isinstance(chosen, str) else value_text(chosen, Formatter())[0]
        if not text or "\ufffd" in text:
            return
        for kind in (FilterKind.EQUALS, FilterKind.CONTAINS):
            wanted = ColumnFilter(column=name, kind=kind, text=text)
            page = await self._ask(PageQuery(table=self._table.name, filter=wanted))
            if page is None:
                continue
            self._say(bool(page.rows), f"{name} {kind.value} {text!r} finds nothing")
            if kind is FilterKind.EQUALS and page.matching is not None and not self._table.foreign_orders:
                rest = f"{self._source} WHERE {quoted(name)} = {_literal(chosen, self._reference.encoding)}"
                expected = min(int(self._reference.one(f"SELECT count(*) {rest}")), COUNT_CAP)
                ambiguous = number_of(text) is not None or bytes_of(text) is not None
                good = page.matching >= expected if ambiguous else page.matching == expected
                self._say(good, f"{name} = {text!r} finds {page.matching}, not {expected}")

    def _same(
        self, rows: Sequence[Row], rest: str, what: str, *, columns: Sequence[int] | None = None
    ) -> None:
        chosen = list(range(len(self._columns))) if columns is None else list(columns)
        chosen = [at for at in chosen if at in self._plain][:_COLUMNS_COMPARED]
        if not chosen:
            return
        expected = self._reference.rows([quoted(self._columns[at]) for at in chosen], rest)
        self._say(len(rows) == len(expected), f"{what}: {len(rows)} rows, not {len(expected)}")
        places = chosen if columns is None else range(len(chosen))
        for row, cells in zip(rows, expected, strict=False):
            wrong = [
                (row[at], cell)
                for at, cell in zip(places, cells, strict=True)
                if not _is_shown(row[at], cell, self._reference.encoding)
            ]
            if wrong:
                self._say(False, f"{what}: {wrong[0]!r}"[:300])
                return

    async def _export(self) -> None:
        sql = f"SELECT * FROM {quoted(self._table.name)} LIMIT {EXPORTED_ROWS}"
        names = [quoted(self._columns[at]) for at in self._plain]
        if not names:
            return
        expected = self._reference.rows(names, f"{self._source} LIMIT {EXPORTED_ROWS}")
        for kind in (ExportFormat.CSV_UNGUARDED, ExportFormat.JSON):
            target = self._folder / f"out.{kind.suffix}"
            target.unlink(missing_ok=True)
            try:
                await self._ports.export(sql, kind, target)
            except TidewatchError as error:
                self._say(False, f"export: {error.message}")
                continue
            raw = target.read_bytes()
            rows = _rows_of_json(raw) if kind is ExportFormat.JSON else _rows_of_csv(raw)
            self._say(len(rows) == len(expected), f"export {kind}: {len(rows)} rows, not {len(expected)}")
            for row, cells in zip(rows, expected, strict=False):
                wrong = [
                    (row[at], cell)
                    for at, cell in zip(self._plain, cells, strict=True)
                    if not _is_exported(row[at], cell, self._reference.encoding, kind)
                ]
                if wrong:
                    self._say(False, f"export {kind}: {wrong[0]!r}"[:300])
                    break


def _shown_whole(value: Value) -> bool:
    match value:
        case Blob():
            return 0 < value.size_bytes == len(value.head)
        case str():
            return bool(value)
        case int() | float():
            return True
        case _:
            return False


def _literal(value: Value, encoding: str) -> str:
    match value:
        case str():
            return f"CAST(x'{value.encode(encoding).hex()}' AS TEXT)"
        case Blob():
            return f"x'{value.head.hex()}'"
        case float():
            return repr(value).replace("inf", "9e999")
        case _:
            return str(value)


def _is_shown(value: Value, cell: Cell, encoding: str) -> bool:
    match value:
        case str():
            return cell.kind == "text" and value == _text(cell, encoding)
        case RawText():
            return cell.kind == "text" and value.raw == bytes.fromhex(cell.digits)
        case LongText():
            return cell.kind == "text" and _text(cell, encoding).startswith(value.head)
        case Blob():
            raw = bytes.fromhex(cell.digits) if cell.kind == "blob" else b""
            return cell.kind == "blob" and value.size_bytes == len(raw) and raw.startswith(value.head)
        case _:
            return cell.is_value(value)


def _text(cell: Cell, encoding: str) -> str:
    return bytes.fromhex(cell.digits).decode(encoding, "replace")


def _rows_of_csv(raw: bytes) -> list[list[Any]]:
    csv.field_size_limit(2**31 - 1)
    return list(csv.reader(io.StringIO(raw.decode("utf-8", "surrogateescape"), newline="")))[1:]


def _rows_of_json(raw: bytes) -> list[list[Any]]:
    return [list(row.values()) for row in json.loads(raw)]


def _is_exported(value: Any, cell: Cell, encoding: str, kind: ExportFormat) -> bool:
    if kind is ExportFormat.JSON:
        if cell.kind == "text" and isinstance(value, dict):
            return bytes.fromhex(value["text_hex"]) == bytes.fromhex(cell.digits)
        if cell.kind == "text":
            return value == _text(cell, encoding)
        return cell.is_value(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value)
    match cell.kind:
        case "null":
            return value == ""
        case "integer":
            return value == cell.digits
        case "real":
            return re.fullmatch(r"-?(\d.*|inf)", value) is not None and cell.is_value(float(value))
        case "blob":
            return value == f"x'{cell.digits.lower()}'"
        case _:
            raw = value.encode("utf-8", "surrogateescape")
            return (
                raw == bytes.fromhex(cell.digits) if encoding == "utf-8" else value == _text(cell, encoding)
            )
