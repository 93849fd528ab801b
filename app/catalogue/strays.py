"""Contents of the store that the catalogue does not know: a crash came before they were noted."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.batch_write import MAINTENANCE
from app.catalogue.content_owners import blobs_of
from app.catalogue.known_time import KnownTime, Times
from app.catalogue.readers import Readers
from app.catalogue.schema import doomed_contents, meta
from app.catalogue.times import from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import FLOW, Writer

HELD = timedelta(hours=72)
"""How long contents stay that a catalogue does not know which may be an older copy."""
AT_ONCE = 500
EPOCH_NAME = "strays_epoch"
"""In the table ``meta``: the catalogue for which unknown contents were held. No copy has it."""
_UNTIL = "strays_held_until"
_PUT_BACK_UNTIL = "put_back_until"

_put = insert(meta)
_PUT = _put.on_conflict_do_update(index_elements=["name"], set_={"value": _put.excluded.value})
_doom = insert(doomed_contents)
_DOOM = _doom.on_conflict_do_update(index_elements=["sha256"], set_={"doomed_at": _doom.excluded.doomed_at})


class Strays:
    """Lets contents that nobody has noted go the way of those that are forgotten."""

    def __init__(self, readers: Readers, writer: Writer, known_time: KnownTime) -> None:
        self._readers = readers
        self._writer = writer
        self._known_time = known_time
        known_time.on_believed(_hold_longer)

    async def held(self, epoch: str) -> bool:
        """Return whether unknown contents stay for now, since this catalogue may be an older copy.

        They may be known to the newer one, which may be put back yet. ``epoch`` is that of the catalogue:
        it is another one after an older copy was opened. They are also held from the first time that this is
        asked of a catalogue: it may be new beside older contents, or a copy.
        """

        times = await self._known_time.times()

        def work(transaction: Transaction) -> bool:
            rows = transaction.all(
                select(meta.c.name, meta.c.value).where(meta.c.name.in_((EPOCH_NAME, _UNTIL)))
            )
            kept = {row.name: row.value for row in rows}
            until = _time(kept.get(_UNTIL))
            if kept.get(EPOCH_NAME) != epoch or until is None or _is_ahead(until, times):
                until = times.latest + HELD
                values = {EPOCH_NAME: epoch, _UNTIL: str(to_us(until))}
                transaction.run(_PUT, [{"name": name, "value": value} for name, value in values.items()])
            return times.judged < until

        return await self._writer.write(work)

    async def hold(self, epoch: str) -> datetime:
        """Hold unknown contents and deleted files from now on, after one was put back; return until when."""
        until = (await self._known_time.times()).latest + HELD
        text = str(to_us(until))
        kept = {EPOCH_NAME: epoch, _UNTIL: text, _PUT_BACK_UNTIL: text}
        values = [{"name": name, "value": value} for name, value in kept.items()]
        await self._writer.write(lambda transaction: transaction.run(_PUT, values))
        return until

    async def put_back(self) -> bool:
        """Return whether a copy was put back so short ago that a newer one may be put back yet."""
        times = await self._known_time.times()
        rows = await self._readers.rows(select(meta.c.value).where(meta.c.name == _PUT_BACK_UNTIL))
        if not rows:
            return False
        until = _time(rows[0].value)
        if until is None or _is_ahead(until, times):
            until = times.latest + HELD
            value = {"name": _PUT_BACK_UNTIL, "value": str(to_us(until))}
            await self._writer.write(lambda transaction: transaction.run(_PUT, [value]))
        return times.judged < until

    async def doom(self, hashes: Collection[str]) -> int:
        """Doom those of these contents of the store that are not known; return how many.

        One that is noted meanwhile is known; one that is noted later is doomed no more.
        """
        token = FLOW.set(MAINTENANCE)
        try:
            listed, doomed = list(hashes), 0
            for start in range(0, len(listed), AT_ONCE):
                part = listed[start : start + AT_ONCE]
                doomed += await self._writer.write(
                    lambda transaction, part=part: _doom_unknown(transaction, part)
                )
            return doomed
        finally:
            FLOW.reset(token)


def _hold_longer(transaction: Transaction, jump: timedelta) -> None:
    """Hold unknown contents longer by the length of a jump of the clock: that time was not waited."""
    for row in transaction.all(select(meta).where(meta.c.name.in_((_UNTIL, _PUT_BACK_UNTIL)))):
        until = _time(row.value)
        if until is not None:
            later = max(until, min(until + jump, transaction.now + HELD))
            transaction.run(_PUT, [{"name": row.name, "value": str(to_us(later))}])


def _is_ahead(until: datetime, times: Times) -> bool:
    """Return whether a hold was noted while the clock was ahead: it counts from now on, not for years."""
    return until > times.latest + HELD


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else from_us(int(text))
    except (ValueError, OverflowError):
        return None


def _doom_unknown(transaction: Transaction, hashes: Collection[str]) -> int:
    known = blobs_of(transaction, hashes)
    rows = [
        {"sha256": bytes.fromhex(sha256), "stored_bytes": 0, "doomed_at": transaction.now_us}
        for sha256 in hashes
        if sha256 not in known
    ]
    if rows:
        transaction.run(_DOOM, rows)
    return len(rows)
