"""The tables of who may speak to the server, and of what was ordered and given out; see ``schema.py``."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, LargeBinary, String, Table

from app.catalogue.schema import Id, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("client_no", ForeignKey("clients.no"), index=True),
    Column("name", String, nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, index=True),
    Column("used_at", BigInteger),
    Column("made_by", String, nullable=False, default=""),
    Column("revoked_at", BigInteger),
    Column("revoked_no", BigInteger, index=True),
)
"""``revoked_no`` numbers revocations, so that other processes find new ones whatever the clock says."""

enrolments = Table(
    "enrolments",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("line_id", BigInteger, nullable=False, unique=True),
    Column("who", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("client_id", String),
    Column("result", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Append-only; ``hash`` covers the row and the hash of the one before it. The head is in ``meta`` as well.

``line_id`` is the number of its line in the log: microseconds of the clock, but always rising.
"""

audit_intents = Table(
    "audit_intents",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("client_id", String),
    Column("by_command", Boolean, nullable=False),
)
"""Orders that have begun and have no row in ``audit`` yet; few, and none while nothing is ordered."""
