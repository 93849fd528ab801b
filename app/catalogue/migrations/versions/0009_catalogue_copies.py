"""The revision of each client's tree, by which an agent notices that an older catalogue was put back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Agents of before know no revision, and read what the server has once.
    op.add_column(
        "clients", sa.Column("revision", sa.String(16), nullable=False, server_default=sa.text("''"))
    )
    op.execute("UPDATE clients SET revision = lower(hex(randomblob(8)))")
