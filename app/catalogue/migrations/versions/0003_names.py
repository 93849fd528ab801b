"""Files sorted by their names, and what has vanished counted by client."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

PATH = r"replace(path_key, '\', '/')"
NAME = rf"substr({PATH}, 1 + length(rtrim({PATH}, replace({PATH}, '/', ''))))"


def upgrade() -> None:
    op.add_column("files", sa.Column("name_key", sa.String(), sa.Computed(NAME, persisted=False)))
    op.create_index("ix_files_name", "files", ["name_key", "id"], unique=False)
    op.add_column(
        "clients", sa.Column("vanished_count", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.execute(
        """
        UPDATE clients SET vanished_count = (
            SELECT count(*) FROM files
            WHERE files.client_no = clients.no AND files.state = 'vanished' AND files.kind != 'folder'
        )
        """
    )
