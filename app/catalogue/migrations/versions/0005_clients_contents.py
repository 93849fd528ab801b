"""Adds the contents that each client has sent or named, and their sum."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MAX = 2**62


def upgrade() -> None:
    op.create_table(
        "client_contents",
        sa.Column("client_no", ID, sa.ForeignKey("clients.no"), nullable=False),
        sa.Column("blob_id", ID, sa.ForeignKey("blobs.id"), nullable=False),
        sa.Column("version_count", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_no", "blob_id"),
        sqlite_with_rowid=False,
    )
    # A client has what its files name: that it was sent by it cannot be known any more.
    op.execute(
        """
        INSERT INTO client_contents (client_no, blob_id, version_count, received_at)
        SELECT files.client_no, file_versions.blob_id, count(*), max(file_versions.created_at)
        FROM file_versions JOIN files ON files.id = file_versions.file_id
        WHERE file_versions.blob_id IS NOT NULL
        GROUP BY files.client_no, file_versions.blob_id
        """
    )
    op.create_index("ix_client_contents_blob", "client_contents", ["blob_id"], unique=False)
    op.create_index(
        "ix_client_contents_unnamed",
        "client_contents",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("version_count = 0"),
    )
    op.add_column(
        "clients", sa.Column("held_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("clients", sa.Column("quota_bytes", sa.BigInteger()))
    # Sizes were believed as they were told: a sum of them may be larger than any number.
    op.execute(
        f"""
        UPDATE clients SET held_bytes = (
            SELECT CAST(max(0, min({MAX}, total(blobs.size_bytes))) AS INTEGER)
            FROM client_contents JOIN blobs ON blobs.id = client_contents.blob_id
            WHERE client_contents.client_no = clients.no
        )
        """
    )
    for column in ("file_count", "stored_bytes", "unverified_count", "damaged_count", "deleted_count"):
        _bound("clients", column)
    for column in ("files_seen", "files_new", "files_changed", "files_vanished", "files_failed"):
        _bound("runs", column)
    for table in ("runs", "run_rollup"):
        for column in ("bytes_seen", "bytes_sent"):
            _bound(table, column)


def _bound(table: str, column: str) -> None:
    """Bring counters back that were told, or have become a floating number."""
    op.execute(
        f"""
        UPDATE {table} SET {column} = CAST(max(0, min({MAX}, {column})) AS INTEGER)
        WHERE {column} < 0 OR {column} > {MAX} OR typeof({column}) != 'integer'
        """
    )
