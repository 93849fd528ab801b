"""Orders that have begun and have no row in the audit record yet: what is left of them after a crash is told.

An intent is durable before its order does anything, and goes in the write that appends the order's row. One
that is found at the next start belongs to an order of which nobody knows how it ended: it becomes a row too.
"""

import secrets
from collections.abc import Collection

from msgspec.structs import replace
from sqlalchemy import delete, select

from app.catalogue.access_schema import audit_intents
from app.catalogue.aliases import AnyRow
from app.catalogue.audit_note import LONGEST_NAME, LONGEST_TEXT, AuditNote, bounded
from app.catalogue.times import from_us
from app.catalogue.transaction import Transaction
from streams.model.vocabulary import AuditAction

UNANSWERED = "not answered"
"""The result of an order that a crash has cut off from its row."""


def new_intent() -> int:
    """Return a number that no other intent has; chosen before the write, so that it can be repeated."""
    return secrets.randbits(62)


def insert_intent(transaction: Transaction, note: AuditNote, *, by_command: bool) -> None:
    """Keep that an order begins, inside a write."""
    row = {
        "id": note.intent,
        "at": transaction.now_us,
        "who": bounded(note.who, LONGEST_NAME),
        "address": bounded(note.address, LONGEST_NAME),
        "action": note.action.value,
        "target": bounded(note.target, LONGEST_TEXT),
        "client_id": note.client_id,
        "by_command": by_command,
    }
    transaction.insert(audit_intents, [row])


def delete_intents(transaction: Transaction, notes: Collection[AuditNote]) -> None:
    """Let the intents of these notes go, inside a write."""
    ids = [note.intent for note in notes if note.intent is not None]
    if ids:
        transaction.run(delete(audit_intents).where(audit_intents.c.id.in_(ids)))


def unanswered(transaction: Transaction, limit: int, *, commands: bool) -> list[AuditNote]:
    """Return notes for intents that nobody will answer any more, oldest first."""
    known = audit_intents.c.action.in_([action.value for action in AuditAction])
    wanted = select(audit_intents).where(known).order_by(audit_intents.c.at, audit_intents.c.id).limit(limit)
    if not commands:
        wanted = wanted.where(audit_intents.c.by_command.is_(False))
    return [_note(row) for row in transaction.all(wanted)]


def _note(row: AnyRow) -> AuditNote:
    note = AuditNote(
        action=AuditAction(row.action),
        who=row.who,
        address=row.address,
        target=row.target,
        client_id=row.client_id,
        intent=row.id,
    )
    began = f"{from_us(row.at):%Y-%m-%d %H:%M:%S} UTC"
    return replace(
        note,
        result=UNANSWERED,
        detail=f"begun at {began}, cut off before it was answered: it may be done, in part or wholly",
    )
