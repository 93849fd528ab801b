"""The questions of the analytics view over 30 days of 1,000 clients, with the period before."""

import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from app.catalogue.analytics_rollup import count_runs
from app.catalogue.bulk_insert import HistoryClient, write_history
from app.catalogue.catalogue import Catalogue
from app.catalogue.times import to_us
from app.catalogue.transaction import Transaction
from streams.model.analytics import AnalyticsQuery
from streams.model.base import utc_now
from tests.benchmarks.report import Result, Sample

CLIENTS, RUNS_A_DAY, DAYS = 1000, 4, 60
BAR_S = 0.2


async def measure(*, quick: bool) -> list[Result]:
    """Return how long each question takes, as its asker waits for it."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-analytics-") as folder:
        catalogue = await Catalogue.open(Path(folder) / "catalogue.db")
        try:
            await _seed(catalogue, CLIENTS // 10 if quick else CLIENTS)
            past = catalogue.analytics
            questions: dict[str, Callable[[AnalyticsQuery], Awaitable[Any]]] = {
                "backups": past.backups,
                "hours": past.hours,
                "performance": past.performance,
            }
            query = AnalyticsQuery(span_s=30 * 86400, offset_s=3600, compare=True)
            return [
                await _timed(name, question, query, 3 if quick else 15)
                for name, question in questions.items()
            ]
        finally:
            await catalogue.close()


async def _timed(
    name: str, question: Callable[[AnalyticsQuery], Awaitable[Any]], query: AnalyticsQuery, times: int
) -> Result:
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        await question(query)
        taken.append((time.perf_counter() - start) * 1000)
    ours = Sample(tuple(taken), "ms")
    return Result(
        name=f"analytics: {name}",
        what=f"30 days of {CLIENTS:,} clients, compared with the 30 days before",
        ours=ours,
        bar=f"< {BAR_S * 1000:.0f} ms",
        met=ours.median < BAR_S * 1000,
    )


async def _seed(catalogue: Catalogue, count: int) -> None:
    now, rng = utc_now(), Random(1)
    clients = [
        HistoryClient(name=f"client-{n:04d}", created_at=now - timedelta(days=DAYS)) for n in range(count)
    ]
    hours = DAYS * 24
    load = {"cpu_ratio": 0.1, "memory_bytes": 1e9, "received_bps": 1e6, "sent_bps": 1e4}
    await write_history(catalogue, clients, [(now - timedelta(hours=hours - h), load) for h in range(hours)])

    def count_in(transaction: Transaction) -> None:
        count_runs(
            transaction,
            (
                {
                    "client_no": number,
                    "state": "failed" if rng.random() < 0.04 else "complete",
                    "finished_at": to_us(now - timedelta(seconds=rng.uniform(0, DAYS * 86400))),
                    "bytes_sent": rng.randrange(10**8),
                    "bytes_seen": rng.randrange(10**10),
                }
                for number in range(1, count + 1)
                for _ in range(RUNS_A_DAY * DAYS)
            ),
        )

    await catalogue.writer.write(count_in)
