"""The word by which a catalogue and its store know each other as of the same moment."""

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.readers import Readers
from app.catalogue.schema import meta
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer

MOMENT_NAME = "store_moment"
"""In the table ``meta``. No copy has it."""
_put = insert(meta)
_PUT = _put.on_conflict_do_update(index_elements=["name"], set_={"value": _put.excluded.value})


class StoreMoment:
    """Keeps the word in the catalogue."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    async def read(self) -> str:
        """Return the word; empty where the catalogue has none."""
        rows = await self._readers.rows(select(meta.c.value).where(meta.c.name == MOMENT_NAME))
        return str(rows[0].value) if rows else ""

    async def write(self, word: str) -> None:
        """Replace the word."""

        def work(transaction: Transaction) -> None:
            transaction.run(_PUT, [{"name": MOMENT_NAME, "value": word}])

        await self._writer.write(work)
