"""The bounds of a catalogue of 5 million files: questions under 100 ms, no write held up by a large one."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from app.catalogue.catalogue import Catalogue
from app.catalogue.paging import ORDERS
from streams.model.base import utc_now
from streams.model.files import FileQuery
from streams.model.vocabulary import FileState
from tests.app.catalogue.seeds import ForgetfulStore
from tests.benchmarks.catalogue_build import build
from tests.benchmarks.report import Result, Sample
from tests.benchmarks.statements import timed_statements, write_table

BAR_MS = 100.0
KEPT = "TIDEWATCH_BENCHMARK_CATALOGUE"
"""Names a file in which the built catalogue is kept, and taken from the next time."""
STATEMENTS = "TIDEWATCH_BENCHMARK_STATEMENTS"
"""Names a file that gets a table of all SQL statements of the run with their times."""
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "text of a name": {"text": "report_invoice-12"},
    "text of many": {"text": "report"},
    "text of none": {"text": "xyzzy"},
    "text of one letter": {"text": "q"},
    "text that names begin with": {"text": "report_"},
    "text within names": {"text": "_report"},
    "text of a folder": {"text": "/home/winter"},
    "suffix": {"suffix": "pdf"},
    "rare suffix": {"suffix": "zip"},
    "text and suffix": {"text": "report", "suffix": "zip"},
    "text and common suffix": {"text": "report", "suffix": "pdf"},
    "letter and rare suffix": {"text": "q", "suffix": "zip"},
    "client": {"client_id": f"{1:032x}"},
    "client and text": {"client_id": f"{1:032x}", "text": "report"},
    "state": {"state": FileState.VERIFIED},
    "damaged": {"state": FileState.DAMAGED},
    "deleted": {"state": FileState.DELETED},
    "vanished and text": {"state": FileState.VANISHED, "text": "report"},
    "vanished and suffix": {"state": FileState.VANISHED, "suffix": "pdf"},
    "size and text": {"min_bytes": 1_000_000, "text": "report"},
    "size and suffix": {"min_bytes": 1_000_000, "suffix": "pdf"},
}


async def measure(*, quick: bool, full: bool) -> list[Result]:
    """Return how long each question takes, and the worst delay of a small write beside each large one."""
    files = 5_000_000 if full else 20_000 if quick else 100_000
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tidewatch-catalogue-", dir=shared) as folder:
        path = Path(folder) / "catalogue.db"
        await asyncio.to_thread(_laid, path, files)
        with timed_statements() as taken:
            results = await _measured(path, files)
    if (table := os.environ.get(STATEMENTS)) is not None:
        await asyncio.to_thread(write_table, Path(table), taken)
    return results


async def _measured(path: Path, files: int) -> list[Result]:
    opened_s = time.process_time()
    catalogue = await Catalogue.open(path)
    opening = _result("opening", f"a catalogue of {files:,} files", [_ms(opened_s)])
    try:
        return [
            opening,
            *[await _pages(catalogue, name, each) for name, each in FILTERS.items()],
            *await _verification(catalogue),
            *await _writes(catalogue),
        ]
    finally:
        await catalogue.close()


def _laid(path: Path, files: int) -> None:
    kept = os.environ.get(KEPT)
    if kept and Path(kept).exists():
        shutil.copy(kept, path)
        return
    build(path, files)
    if kept:
        shutil.copy(path, kept)


def _ms(since_s: float) -> float:
    # The time on the processor, so that other programs do not count.
    return (time.process_time() - since_s) * 1000


def _result(name: str, what: str, values: list[float], notes: str = "") -> Result:
    ours = Sample(tuple(values), "ms")
    return Result(
        name=f"catalogue: {name}",
        what=what,
        ours=ours,
        bar=f"< {BAR_MS:.0f} ms",
        met=ours.quantile(0.9) < BAR_MS,
        notes=f"the longest {max(values):.0f} ms{notes}",
    )


async def _pages(catalogue: Catalogue, name: str, each: dict[str, Any]) -> Result:
    """First, next, previous and last page, in each order and direction."""
    taken: list[tuple[float, str]] = []

    async def page(query: FileQuery) -> Any:
        began_s = time.process_time()
        found = await catalogue.files.page(query)
        taken.append((_ms(began_s), f"{query.sort}{' falling' if query.descending else ''}"))
        return found

    for sort in ORDERS:
        for descending in (False, True):
            query = FileQuery(sort=sort, descending=descending, limit=100, **each)
            first = await page(query)
            if first.next_cursor is not None:
                following = await page(replace(query, cursor=first.next_cursor))
                await page(replace(query, cursor=following.previous_cursor))
                await page(replace(query, cursor=first.last_cursor))
    return _result(
        f"files, {name}", "pages of 100 in all orders", [ms for ms, _ in taken], f" by {max(taken)[1]}"
    )


async def _verification(catalogue: Catalogue) -> list[Result]:
    (client, *_) = (await catalogue.clients.all())[2]
    ids = [row.id for row in (await catalogue.files.page(FileQuery(limit=1000))).rows]
    return [
        await _contents("everything", catalogue.files.hashes_of()),
        await _contents("a client", catalogue.files.hashes_of(client_id=client.id)),
        await _contents("1,000 files", catalogue.files.hashes_of(file_ids=ids)),
    ]


async def _contents(name: str, found: AsyncIterator[Any]) -> Result:
    taken: list[float] = []
    began_s, count = time.process_time(), 0
    async for _ in found:
        count += 1
        if count % 1000 == 0:
            taken.append(_ms(began_s))
            began_s = time.process_time()
            if len(taken) == 20:
                break
    return _result(f"verification of {name}", "a page of 1,000 contents", taken or [_ms(began_s)])


async def _writes(catalogue: Catalogue) -> list[Result]:
    old = utc_now() - timedelta(days=30)
    clients = (await catalogue.clients.all())[2]
    rows = await catalogue.readers.read(
        lambda connection: connection.exec_driver_sql("SELECT hex(sha256) FROM blobs WHERE id = 1")
    )
    shared = str(rows.scalar_one()).lower()
    store = ForgetfulStore()
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "purge of all that is due": lambda: catalogue.files.purge(old),
        "collecting of what that has doomed": lambda: catalogue.doomed.drop(store),
        "collecting where nothing is due": lambda: catalogue.doomed.drop(store),
        "verdict on a content of very many files": lambda: catalogue.files.mark_verified({shared: False}),
        "removal of the smallest client": lambda: _removed(catalogue, clients[-1].id),
    }
    results: list[Result] = []
    for name, task in work.items():
        async with _small_writes(catalogue, clients[0].id) as delays:
            began_s = time.perf_counter()
            done = await task()
            seconds = time.perf_counter() - began_s
        ours = Sample(tuple(delays), "ms")
        results.append(
            Result(
                name=f"catalogue: {name}",
                what="how long a small write of another waits meanwhile",
                ours=ours,
                bar=f"all < {BAR_MS:.0f} ms",
                met=max(delays) < BAR_MS,
                notes=f"the longest {max(delays):.0f} ms; all of it {seconds:.1f} s, {str(done)[:40]}",
            )
        )
    return results


async def _removed(catalogue: Catalogue, client_id: str) -> int:
    await catalogue.removal.remove(client_id)
    return await catalogue.removal.finish()


@asynccontextmanager
async def _small_writes(catalogue: Catalogue, client_id: str) -> AsyncGenerator[list[float]]:
    """Write something small again and again for the length of a block; gives how long each took."""
    delays: list[float] = []

    async def write() -> None:
        goal_s = 1.0
        while True:
            goal_s += 1
            began_s = time.perf_counter()
            await catalogue.clients.set_goal(client_id, goal_s)
            delays.append((time.perf_counter() - began_s) * 1000)
            first.set()
            await asyncio.sleep(0.005)

    first = asyncio.Event()
    writing = asyncio.create_task(write())
    try:
        yield delays
        # At least one whole write, also beside what is done at once.
        await first.wait()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
