"""Tokens with scopes and an end, the audit record, and what is held before it is destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _tokens()


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
