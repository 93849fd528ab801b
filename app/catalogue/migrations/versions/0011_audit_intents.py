"""Orders that have begun and have no row in the audit record yet."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_intents",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("who", "address", "action", "target")),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("by_command", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
