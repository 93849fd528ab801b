"""Totals that belong to no client, kept up in the transaction that changes them."""

from sqlalchemy import select, update

from app.catalogue.schema import meta
from app.catalogue.transaction import Transaction


def add_blob_bytes(transaction: Transaction, change: int) -> None:
    """Add to the bytes that contents take in the store."""
    if not change:
        return
    rows = transaction.all(select(meta.c.value).where(meta.c.name == "blob_bytes"))
    total = int(rows[0].value) + change
    transaction.run(update(meta).where(meta.c.name == "blob_bytes").values(value=str(total)))
