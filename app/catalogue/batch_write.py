"""Large changes as a series of small writes, so that no other write waits long for its turn."""

from collections.abc import Callable

from app.catalogue.transaction import Transaction
from app.catalogue.writer import FLOW, Writer

MAX_ROWS = 1000
"""Rows that one write changes at most."""
MAX_S = 0.05
"""How long one write should hold the catalogue's one lock at most, in seconds."""
MIN_ROWS = 40
FIRST_ROWS = MIN_ROWS
"""Little, since the first step finds everything on the disk; the next ones follow the time that it takes."""
MAINTENANCE = "maintenance"
"""The flow of writes that nobody waits for."""

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
            took: list[Transaction] = []

            def work(transaction: Transaction, rows: int = rows, took: list[Transaction] = took) -> int:
                took.append(transaction)
                return step(transaction, rows)

            changed = await writer.write(work)
            if not changed:
                return total
            total += changed
            rows = next_rows(rows, took[-1].took_s)
    finally:
        if token is not None:
            FLOW.reset(token)


def next_rows(rows: int, took_s: float) -> int:
    """Return how many rows the next step may change, after one of ``rows`` that took so long."""
    # Aims below the bound: the next rows may cost more than these did.
    share = MAX_S * 0.6 / max(took_s, 1e-6)
    return max(MIN_ROWS, min(MAX_ROWS, int(rows * min(max(share, 0.25), 2.0))))
