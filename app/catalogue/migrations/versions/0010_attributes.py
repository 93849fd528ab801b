"""Owners, ACLs, extended attributes, hard links and the parts of sparse files, of each version."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # Versions of before have none; the next backup makes new ones, and sends no content for it.
    op.add_column("file_versions", sa.Column("attributes", sa.LargeBinary()))
