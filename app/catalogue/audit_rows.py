"""Rows of the audit record: appended in a write, each chained to the one before it, and told as log lines."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import insert, select, update

from app.catalogue.access_schema import audit
from app.catalogue.aliases import AnyRow
from app.catalogue.audit_chain import COLUMNS, HEAD_NAME, Head, chained
from app.catalogue.audit_intents import delete_intents
from app.catalogue.audit_note import DONE, LONGEST_NAME, LONGEST_TEXT, AuditNote, bounded
from app.catalogue.schema import meta
from app.catalogue.times import from_us
from app.catalogue.transaction import Transaction
from app.runtime.line_numbers import LINE_NUMBERS
from streams.model.logs import LogLine
from streams.model.vocabulary import LogLevel, LogSource

log = structlog.stdlib.get_logger(__name__)

NEWEST = select(audit.c.seq, audit.c.line_id, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)


def note_in(transaction: Transaction, notes: Sequence[AuditNote]) -> None:
    """Append rows inside a write, in the place of the intents that they have.

    Their texts are bounded, and control characters are written as escapes.
    """
    kept = transaction.all(select(meta.c.value).where(meta.c.name == HEAD_NAME))
    head = max(_kept(kept), newest_of(transaction.all(NEWEST)), key=lambda each: each.seq)
    rows: list[dict[str, Any]] = []
    for note in notes:
        seq, line_id = head.seq + 1, LINE_NUMBERS.next(max(head.line_id + 1, transaction.now_us))
        row = {
            "seq": seq,
            "at": transaction.now_us,
            "line_id": line_id,
            "who": bounded(note.who, LONGEST_NAME),
            "address": bounded(note.address, LONGEST_NAME),
            "action": note.action.value,
            "target": bounded(note.target, LONGEST_TEXT),
            "client_id": note.client_id,
            "result": bounded(note.result, LONGEST_NAME),
            "detail": bounded(note.detail, LONGEST_TEXT),
            "count": note.count,
        }
        hash_ = chained(head.hash, [row[name] for name in COLUMNS])
        rows.append(row | {"previous": head.hash, "hash": hash_})
        head = Head(seq, line_id, hash_)
    transaction.insert(audit, rows)
    delete_intents(transaction, notes)
    if kept:
        transaction.run(update(meta).where(meta.c.name == HEAD_NAME).values(value=head.text()))
    else:
        transaction.run(insert(meta).values(name=HEAD_NAME, value=head.text()))


def _kept(rows: Sequence[AnyRow]) -> Head:
    """Return the head that the catalogue names; one that somebody has damaged keeps no row out."""
    try:
        return Head.of(str(rows[0].value)) if rows else Head()
    except ValueError:
        log.error("audit_head_damaged", hint="What the catalogue names as its newest audit row is none.")
        return Head()


def newest_of(rows: Sequence[AnyRow]) -> Head:
    """Return the row that ``NEWEST`` finds; number 0 where there is none."""
    return Head(rows[0].seq, rows[0].line_id, rows[0].hash) if rows else Head()


def line_of(row: AnyRow) -> LogLine:
    """Return a row as a line of the log."""
    fields = {
        "who": row.who,
        "from": row.address,
        "on": row.target,
        "result": row.result,
        "detail": row.detail,
        "count": str(row.count) if row.count != 1 else "",
        "number": str(row.seq),
    }
    return LogLine(
        id=row.line_id,
        at=from_us(row.at),
        level=LogLevel.INFO if row.result == DONE else LogLevel.WARNING,
        source=LogSource.AUDIT,
        logger="audit",
        message=row.action.replace("_", " "),
        fields={name: text for name, text in fields.items() if text},
        client_id=row.client_id,
    )
