"""Trigrams of paths for the search, and what bounded writes find their work by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "doomed_contents",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("doomed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pending_states",
        sa.Column("blob_id", ID, nullable=False, autoincrement=False),
        sa.Column("after_file_id", sa.BigInteger(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("blob_id"),
    )
    op.add_column("clients", sa.Column("removed_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_clients_removed",
        "clients",
        ["removed_at"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_files_deleted",
        "files",
        ["client_no", "deleted_at"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
    )
    _order_files()
    op.create_index("ix_run_rollup_at", "run_rollup", ["step_s", "at"], unique=False)
    # Contents without an owner are found from here on as they lose their last; once, all are looked at.
    op.execute(
        """
        INSERT INTO doomed_contents (sha256, stored_bytes, doomed_at)
        SELECT sha256, stored_bytes, created_at FROM blobs
        WHERE NOT EXISTS (SELECT 1 FROM client_contents WHERE client_contents.blob_id = blobs.id)
        """
    )
    op.execute("DELETE FROM verifications WHERE blob_id IN " + _UNOWNED)
    op.execute("DELETE FROM blobs WHERE id IN " + _UNOWNED)
    op.execute(
        "UPDATE meta SET value ="
        f" (SELECT CAST(CAST(max(0, min({2**62}, total(stored_bytes))) AS INTEGER) AS TEXT) FROM blobs)"
        " WHERE name = 'blob_bytes'"
    )
    op.execute(
        "CREATE VIRTUAL TABLE files_text USING fts5("
        "text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1')"
    )
    op.execute("CREATE VIRTUAL TABLE files_trigrams USING fts5vocab(files_text, instance)")
    _index_paths()


ORDERS = {
    "path": ["path_key", "id"],
    "name": ["name_key", "id"],
    "client": ["client_name", "path_key", "id"],
    "size": ["size_bytes", "id"],
    "suffix": ["suffix", "id"],
    "date": ["backed_up_at", "id"],
    "state": ["state", "id"],
}
PATH = r"replace(path_key, '\', '/')"
NAME = rf"substr({PATH}, 1 + length(rtrim({PATH}, replace({PATH}, '/', ''))))"
LISTED = "kind != 'folder' AND deleted_at IS NULL"
DELETED = "kind != 'folder' AND deleted_at IS NOT NULL"


def _order_files() -> None:
    """Let the indexes of the orders leave folders out, and keep deleted files in indexes of their own."""
    for name in ORDERS:
        op.drop_index(f"ix_files_{name}", "files")
    # Computed anew for each row that a walk passed; kept, it is read.
    op.drop_column("files", "name_key")
    op.add_column("files", sa.Column("name_key", sa.String(), nullable=False, server_default=sa.text("''")))
    op.execute(f"UPDATE files SET name_key = {NAME}")
    for name, columns in ORDERS.items():
        for index, which in ((f"ix_files_{name}", LISTED), (f"ix_files_deleted_{name}", DELETED)):
            op.create_index(index, "files", columns, unique=False, sqlite_where=sa.text(which))
    op.create_index(
        "ix_files_client_date",
        "files",
        ["client_name", "backed_up_at", "id"],
        unique=False,
        sqlite_where=sa.text(LISTED),
    )


_UNOWNED = """(
    SELECT id FROM blobs
    WHERE NOT EXISTS (SELECT 1 FROM client_contents WHERE client_contents.blob_id = blobs.id)
)"""


def _index_paths() -> None:
    """Index the paths that are there: a mark of the client, the path, and a mark of the end."""
    connection = op.get_bind()
    rows = connection.exec_driver_sql("SELECT id, client_no, path_key FROM files ORDER BY id")
    while part := rows.fetchmany(10_000):
        connection.exec_driver_sql(
            "INSERT INTO files_text (rowid, text) VALUES (?, ?)",
            [(row.id, _text(row.client_no, row.path_key)) for row in part],
        )


def _text(client_no: int, path_key: str) -> str:
    high, low = divmod(client_no, 0x8000)
    return f"{chr(0xF0000 + high)}{chr(0xF8000 + low)}\U0010fffc{path_key}\U0010fffd\U0010fffd"
