"""The versions of a run are found at once, as is needed to forget runs."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_file_versions_run", "file_versions", ["run_id"], unique=False)
