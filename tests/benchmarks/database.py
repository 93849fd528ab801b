"""The Database view on a large table, against datasette: what no index answers goes through all rows."""

import asyncio
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from app.bridge.database.ports import DatabasePorts
from streams.model.database import ColumnFilter, Direction, PageQuery, TablePage
from streams.operators.spawning import task_spawner
from tests.benchmarks.report import Result, Sample

T = TypeVar("T")

ROWS = 10_000_000
BAR = "at most 1x of datasette"
ABSENT = "zzzz"
"""Not in any note, so that all of them are looked at."""
START_S = 60.0


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    what: str
    query: PageQuery
    words: dict[str, str]
    """The same for datasette."""


QUESTIONS = (
    _Question(
        "database/sort",
        "sorted by a number without an index",
        PageQuery(table="t", sort="size"),
        {"_sort": "size"},
    ),
    _Question(
        "database/sort-text",
        "sorted by text without an index, downwards",
        PageQuery(table="t", sort="note", descending=True),
        {"_sort_desc": "note"},
    ),
    _Question(
        "database/contains",
        "with text that no row contains",
        PageQuery(table="t", filter=ColumnFilter(column="note", text=ABSENT)),
        {"note__contains": ABSENT},
    ),
)


async def measure(*, quick: bool = False) -> list[Result]:
    """Sort and filter one table with both, in turn."""
    count, times = (200_000, 1) if quick else (ROWS, 3)
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        path = Path(folder) / "large.db"
        await asyncio.to_thread(_build, path, count)
        program = await asyncio.to_thread(_datasette, Path(folder))
        with _served(program, path) as address:
            results = [await _compared(each, count, times, path, address) for each in QUESTIONS]
        return [*results, await _next_page(path, count)]


async def _compared(asked: "_Question", count: int, times: int, path: Path, address: str) -> Result:
    url = f"{address}/large/t.json?{urlencode(asked.words)}"
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(times):
        ports = await _opened(path)  # which has no order yet
        taken, page = await _timed(lambda ports=ports: _page(ports, asked.query))
        ours.append(taken)
        await ports.close()
        taken, found = await _timed(lambda: asyncio.to_thread(_asked, url))
        theirs.append(taken)
        if [row[0] for row in found] != [row[0] for row in page.rows]:
            raise RuntimeError(f"{asked.name}: the two found other rows")
    mine, peer = Sample(tuple(ours), "s"), Sample(tuple(theirs), "s")
    ratio = mine.median / peer.median
    what = f"{count:,} rows, first page {asked.what}"
    return Result(asked.name, what, mine, BAR, ratio <= 1.0, peer, "datasette", ratio)


async def _next_page(path: Path, count: int) -> Result:
    ports = await _opened(path)
    first = PageQuery(table="t", sort="size")
    sorting, page = await _timed(lambda: _page(ports, first))
    after = PageQuery(table="t", sort="size", direction=Direction.AFTER, edge=page.last)
    taken, _ = await _timed(lambda: _page(ports, after))
    await ports.close()
    return Result(
        "database/next-page", f"{count:,} rows, second page of the same sort", Sample((taken,), "s"),
        "", None, Sample((sorting,), "s"), "its first page", taken / sorting,
    )  # fmt: skip


async def _opened(path: Path) -> DatabasePorts:
    ports = DatabasePorts(path, task_spawner())
    await _page(ports, PageQuery(table="t"))
    return ports


async def _page(ports: DatabasePorts, query: PageQuery) -> TablePage:
    return await ports.page(query)


async def _timed(job: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    start = time.perf_counter()
    found = await job()
    return time.perf_counter() - start, found


def _build(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size INTEGER, score REAL, note TEXT);"
        )
        # Spread by a prime, so that both meet the rows in no order.
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?)"
            " INSERT INTO t SELECT i, 'file-' || i || '.txt', i * 7919 % 10000019, i * 104729 % 999983 / 7.0,"
            " printf('%x of client %d', i * 15485863 % 2147483647, i % 60) FROM n",
            (count,),
        )


def _datasette(folder: Path) -> str:
    """Return the program; where there is none it is installed into an environment of its own."""
    if found := shutil.which("datasette"):
        return found
    room = folder / "datasette"
    subprocess.run([sys.executable, "-m", "venv", str(room)], check=True)
    subprocess.run([str(room / "bin" / "pip"), "install", "-q", "datasette"], check=True)
    return str(room / "bin" / "datasette")


@contextmanager
def _served(program: str, path: Path) -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limit = ["--setting", "sql_time_limit_ms", "600000"]
    process = subprocess.Popen(
        [program, str(path), "--port", str(port), *limit],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                with urllib.request.urlopen(f"{address}/-/versions.json"):
                    break
            except urllib.error.URLError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


def _asked(url: str) -> list[list[object]]:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["rows"]
