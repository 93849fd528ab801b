"""Tokens with scopes and an end, the audit record, and what is held before it is destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _tokens()
    _audit()
    _holds()


def _tokens() -> None:
    """Give tokens several rights instead of one scope, a name, an end and a number of their revocation."""
    op.drop_index("ix_tokens_revoked_at", "tokens")
    op.alter_column("tokens", "scope", new_column_name="scopes")
    op.alter_column("tokens", "label", new_column_name="name")
    op.add_column("tokens", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("used_at", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("made_by", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("tokens", sa.Column("revoked_no", sa.BigInteger(), nullable=True))
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"], unique=False)
    op.create_index("ix_tokens_revoked_no", "tokens", ["revoked_no"], unique=False)
    op.execute("UPDATE tokens SET scopes = 'look,operate,restore,destroy' WHERE scopes = 'console'")
    op.execute("INSERT INTO sequences (name, value) VALUES ('revocations', 0)")


def _audit() -> None:
    """Add the audit record, and let a line of activity keep the name of a client that is removed later."""
    op.create_table(
        "audit",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("who", "address", "action", "target")),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("line_id"),
    )
    op.add_column("activity", sa.Column("client_name", sa.String(), nullable=True))
    op.execute(
        "UPDATE activity SET client_name = (SELECT name FROM clients WHERE clients.no = activity.client_no)"
    )


def _holds() -> None:
    """Add the marks of clients that are to be removed, and of what must not be destroyed."""
    op.add_column("clients", sa.Column("destroy_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_clients_destroy_at", "clients", ["destroy_at"], unique=False)
    for table in ("clients", "runs"):
        op.add_column(
            table, sa.Column("protected", sa.Boolean(), nullable=False, server_default=sa.text("0"))
        )
    op.create_index("ix_runs_protected", "runs", ["id"], unique=False, sqlite_where=sa.text("protected = 1"))
