"""The revision of a client's tree: a random word that every committed change of its files replaces.

An agent keeps the last revision that it saw. Where the server has another one, an older catalogue was put
back, or files were deleted or purged: then the agent reads again what the server has.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, update

from app.catalogue.schema import client_contents, clients
from app.catalogue.transaction import Transaction

REVISION_BYTES = 8
_PRESENT = select(clients.c.revision).where(clients.c.no == bindparam("which"))
_RENEWED = update(clients).where(clients.c.no == bindparam("which")).values(revision=bindparam("to"))


@dataclass(frozen=True, slots=True)
class Revision:
    """The revision of a tree before and after a write; both are the same where nothing has changed."""

    before: str
    after: str


def new_revision() -> str:
    """Return 16 random hexadecimal digits."""
    return secrets.token_hex(REVISION_BYTES)


def renew(transaction: Transaction, client_no: int) -> Revision:
    """Give a client's tree a new revision, in the transaction that changes it."""
    before = current(transaction, client_no)
    after = new_revision()
    transaction.run(_RENEWED, {"which": client_no, "to": after})
    return Revision(before, after)


def renew_owners(transaction: Transaction, blob_ids: Collection[int]) -> None:
    """Give the trees of all clients new revisions that have sent one of these contents, in one statement."""
    if blob_ids:
        owners = select(client_contents.c.client_no).where(client_contents.c.blob_id.in_(blob_ids))
        word = func.lower(func.hex(func.randomblob(REVISION_BYTES)))
        transaction.run(update(clients).where(clients.c.no.in_(owners)).values(revision=word))


def current(transaction: Transaction, client_no: int) -> str:
    """Return the revision of a client's tree inside a write."""
    return str(transaction.run(_PRESENT, {"which": client_no}).scalar_one())
