"""Large changes as a series of small writes, so that no other write waits long for its turn."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.catalogue.transaction import Transaction
from app.catalogue.writer import FLOW, Writer

MAX_ROWS = 1000
"""Rows that one write changes at most."""
MAX_S = 0.05
"""How long one write should hold the catalogue's one lock at most, in seconds."""
MIN_ROWS = 20
FIRST_ROWS = MIN_ROWS
"""Little, since the first step finds everything on the disk; the next ones follow the time that it takes."""
MAINTENANCE = "maintenance"
"""The flow of writes that nobody waits for."""

T = TypeVar("T")
R = TypeVar("R")
Step = Callable[[Transaction, int], int]
"""Changes at most so many rows inside a write; returns how many it changed, 0 where nothing is left."""


async def in_steps(writer: Writer, step: Step, *, flow: str | None = None) -> int:
    """Repeat ``step``, each time in a write of its own, until it changes nothing; return the sum.

    The number of rows follows the time that the step before has taken. What remains to be done must be
    found from the rows themselves, so that a series that was broken off goes on when it is begun again.
    """
    total, rows = 0, FIRST_ROWS
    token = None if flow is None else FLOW.set(flow)
    try:
        while True:
            changed, took_s = await _timed(writer, lambda transaction, rows=rows: step(transaction, rows))
            if not changed:
                return total
            total += changed
            rows = next_rows(rows, took_s)
    finally:
        if token is not None:
            FLOW.reset(token)


async def in_parts(
    writer: Writer, items: Sequence[T], work: Callable[[Transaction, Sequence[T]], R]
) -> list[R]:
    """Write items a part at a time, each in a write of its own, and return what the writes return.

    The size of a part follows the time that the one before has taken.
    """
    done: list[R] = []
    start, rows = 0, FIRST_ROWS
    while start < len(items):
        part = items[start : start + rows]
        result, took_s = await _timed(writer, lambda transaction, part=part: work(transaction, part))
        done.append(result)
        start += rows
        rows = next_rows(rows, took_s)
    return done


async def _timed(writer: Writer, work: Callable[[Transaction], R]) -> tuple[R, float]:
    """Return what a write returns, and how long it has held the lock in seconds."""
    took: list[Transaction] = []

    def kept(transaction: Transaction) -> R:
        took.append(transaction)
        return work(transaction)

    result = await writer.write(kept)
    return result, took[-1].took_s


def next_rows(rows: int, took_s: float) -> int:
    """Return how many rows the next step may change, after one of ``rows`` that took so long."""
    # Aims below the bound: the next rows may cost more than these did.
    share = MAX_S * 0.6 / max(took_s, 1e-6)
    return max(MIN_ROWS, min(MAX_ROWS, int(rows * min(max(share, 0.25), 2.0))))
