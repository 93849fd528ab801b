"""Totals, kept up in the transaction that changes them; none of them can leave what 64 bits hold."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, update

from app.catalogue.schema import meta
from app.catalogue.transaction import Transaction

MAX_TOTAL = 2**62
"""Where every counter and every sum stops: two of them still fit a number of SQLite, and each fits JSON."""


def clamped(value: float) -> int:
    """Return a count or a size within what is kept: from 0 to ``MAX_TOTAL``."""
    return int(min(max(value, 0), MAX_TOTAL))


def increased(column: ColumnElement[Any], change: Any) -> ColumnElement[int]:
    """Return a counter after a change, in SQL; it stops at 0 and at ``MAX_TOTAL``.

    SQLite turns a sum that overflows into a floating number, which no counter may become.
    """
    if isinstance(change, int):
        change = min(max(change, -MAX_TOTAL), MAX_TOTAL)
    return func.max(0, func.min(MAX_TOTAL, column + change))


def summed(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of a column, in SQL; ``sum()`` itself fails where it overflows.

    Exact up to 2**53, which as bytes are 9 PB.
    """
    return cast(func.max(0, func.min(MAX_TOTAL, func.total(column))), BigInteger)


def exact_sum(column: str) -> str:
    """Return the sum of an expression that is never negative, in SQL text; it stops at ``MAX_TOTAL``.

    The two halves of its numbers are summed by themselves: neither sum can overflow.
    """
    high, low = f"coalesce(sum(({column}) >> 31), 0)", f"coalesce(sum(({column}) & {2**31 - 1}), 0)"
    return (
        f"CASE WHEN {high} >= {MAX_TOTAL >> 31} THEN {MAX_TOTAL}"
        f" ELSE min({MAX_TOTAL}, ({high} << 31) + {low}) END"
    )


def add_blob_bytes(transaction: Transaction, change: int) -> None:
    """Add to the bytes that contents take in the store."""
    if not change:
        return
    rows = transaction.all(select(meta.c.value).where(meta.c.name == "blob_bytes"))
    total = clamped(int(rows[0].value) + change)
    transaction.run(update(meta).where(meta.c.name == "blob_bytes").values(value=str(total)))
