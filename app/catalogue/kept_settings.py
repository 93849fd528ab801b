"""Settings of the server that were set through its API: kept, numbered and audited in one write."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import insert, select, update

from app.catalogue.audit import remember_settings
from app.catalogue.audit_note import AuditNote
from app.catalogue.audit_rows import note_in
from app.catalogue.readers import Readers
from app.catalogue.schema import meta
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.vocabulary import EventKind, Topic

_NAME = "server_settings"
_KEPT = select(meta.c.value).where(meta.c.name == _NAME)


class KeptSetting(msgspec.Struct, frozen=True):
    """A value as it is written, who set it, and when."""

    text: str
    by: str
    at: datetime


_decode = msgspec.json.Decoder(dict[str, KeptSetting]).decode


class KeptSettings:
    """What was set, by key."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer

    async def all(self) -> dict[str, KeptSetting]:
        """Return everything that is set."""
        rows = await self._readers.rows(_KEPT)
        return _decode(rows[0].value) if rows else {}

    async def change(
        self,
        edits: Mapping[str, str | None],
        *,
        by: str,
        audited: Mapping[str, str],
        notes: Sequence[AuditNote],
        about: str,
    ) -> dict[str, KeptSetting]:
        """Set values, or give them up for None; return what is set then.

        ``audited`` is what they are worth then, by their names in the audit record. The rows of that record
        and the event, whose line of activity says ``about``, become durable together with the values.
        """

        def work(transaction: Transaction) -> dict[str, KeptSetting]:
            rows = transaction.all(_KEPT)
            kept = _decode(rows[0].value) if rows else {}
            for key, text in edits.items():
                kept.pop(key, None)
                if text is not None:
                    kept[key] = KeptSetting(text, by, transaction.now)
            value = msgspec.json.encode(kept).decode()
            if rows:
                transaction.run(update(meta).where(meta.c.name == _NAME).values(value=value))
            else:
                transaction.run(insert(meta).values(name=_NAME, value=value))
            remember_settings(transaction, audited)
            note_in(transaction, notes)
            transaction.emit(EventKind.SETTINGS_CHANGED, Topic.SERVER, told=Told(reason=about))
            return kept

        return await self._writer.write(work)
