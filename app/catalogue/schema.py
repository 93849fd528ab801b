"""The tables of the catalogue.

Times are microseconds since 1970 (``times.py``), hashes 32 raw bytes, states words of the vocabulary.
A client has two names for itself: ``id``, which the world sees, and ``no``, which the large tables carry.
Those of who may speak to the server, and of what was done, are in ``access_schema.py``.
A change here needs a numbered migration; a test holds the two together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = "0012"
"""The newest migration; the catalogue is brought to it at start."""

Id = BigInteger().with_variant(Integer, "sqlite")
"""A number that SQLite can use as the row's own."""

CHECKED_AT = "coalesce(verified_at, created_at)"

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

sequences = Table(
    "sequences",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""The last number given out for each kind of row; numbers are never used again."""

clients = Table(
    "clients",
    metadata,
    Column("no", Id, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False, unique=True),
    Column("name", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("goal_s", Float, nullable=False),
    Column("last_seen_at", BigInteger),
    Column("last_success_at", BigInteger),
    Column("failing_since", BigInteger),
    Column("failure_reason", String),
    Column("last_run_state", String),
    Column("running_run_id", BigInteger),
    Column("backup_queued", Boolean, nullable=False, default=False),
    Column("platform", String, nullable=False, default=""),
    Column("agent_version", String, nullable=False, default=""),
    Column("file_count", BigInteger, nullable=False, default=0),
    Column("stored_bytes", BigInteger, nullable=False, default=0),
    Column("unverified_count", BigInteger, nullable=False, default=0),
    Column("damaged_count", BigInteger, nullable=False, default=0),
    Column("deleted_count", BigInteger, nullable=False, default=0),
    Column("vanished_count", BigInteger, nullable=False, default=0),
    Column("held_bytes", BigInteger, nullable=False, default=0),
    Column("quota_bytes", BigInteger),
    Column("destroy_at", BigInteger, index=True),
    Column("protected", Boolean, nullable=False, default=False),
    # Replaced with every change of the client's files: revision.py.
    Column("revision", String(16), nullable=False),
    Column("removed_at", BigInteger),
    Index("ix_clients_removed", "removed_at", sqlite_where=text("removed_at IS NOT NULL")),
)
"""``held_bytes`` are the raw sizes of the contents it has sent; without a quota the setting's holds.

A removed client is shown to nobody; its row goes last, when all that it had has gone in steps.
"""

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("client_no", ForeignKey("clients.no"), nullable=False),
    Column("trigger", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("reason", String),
    *(
        Column(name, BigInteger, nullable=False, default=0)
        for name in (
            "files_seen",
            "files_new",
            "files_changed",
            "files_vanished",
            "files_failed",
            "bytes_seen",
            "bytes_sent",
        )
    ),
    Column("correlation_id", String, nullable=False, default=""),
    Column("protected", Boolean, nullable=False, default=False),
    Index("ix_runs_client", "client_no", "id"),
    Index("ix_runs_state", "state", "id"),
    Index("ix_runs_finished", "finished_at"),
    Index("ix_runs_protected", "id", sqlite_where=text("protected = 1")),
)

run_names = Table(
    "run_names",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("result", String, nullable=False),
    Column("path", String, nullable=False),
    Column("reason", String, nullable=False, default=""),
)
"""The first names of each run that failed or have vanished; see ``catalogue.run_names``."""

blobs = Table(
    "blobs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Column("verified_at", BigInteger),
    Column("damaged", Boolean, nullable=False, default=False),
    # When its bytes were last known to be good: read again, or hashed as they came.
    Column("checked_at", BigInteger, Computed(CHECKED_AT, persisted=False)),
    Index("ix_blobs_checked", "damaged", "checked_at", "id"),
)

client_contents = Table(
    "client_contents",
    metadata,
    Column("client_no", ForeignKey("clients.no"), primary_key=True),
    Column("blob_id", ForeignKey("blobs.id"), primary_key=True),
    Column("version_count", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_client_contents_blob", "blob_id"),
    Index("ix_client_contents_unnamed", "received_at", sqlite_where=text("version_count = 0")),
    sqlite_with_rowid=False,
)
"""A client has sent a content, and so many versions of its files name it; 0 where none does yet."""

doomed_contents = Table(
    "doomed_contents",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("doomed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Contents that the catalogue has forgotten and that are still to leave the store."""

pending_states = Table(
    "pending_states",
    metadata,
    Column("blob_id", Id, primary_key=True, autoincrement=False),
    Column("after_file_id", BigInteger, nullable=False),
    Column("quiet", Boolean, nullable=False),
)
"""Contents of which something new is known that their files, those with greater ids, do not show yet."""

FILE_ORDERS = {
    "path": ("path_key", "id"),
    "name": ("name_key", "id"),
    "client": ("client_name", "path_key", "id"),
    "size": ("size_bytes", "id"),
    "suffix": ("suffix", "id"),
    "date": ("backed_up_at", "id"),
    "state": ("state", "id"),
}
"""What files can be sorted by."""
LISTED_FILE = text("kind != 'folder' AND deleted_at IS NULL")
DELETED_FILE = text("kind != 'folder' AND deleted_at IS NOT NULL")


def _order_indexes(name: str, columns: tuple[str, ...]) -> tuple[Index, Index]:
    """Return the indexes of an order: a page of files must not pass a million folders, or deleted files."""
    return (
        Index(f"ix_files_{name}", *columns, sqlite_where=LISTED_FILE),
        Index(f"ix_files_deleted_{name}", *columns, sqlite_where=DELETED_FILE),
    )


files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("client_no", ForeignKey("clients.no"), nullable=False),
    Column("client_name", String, nullable=False),
    Column("raw_path", LargeBinary, nullable=False),
    Column("path", String, nullable=False),
    Column("path_key", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("suffix", String, nullable=False, default=""),
    Column("state", String, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("version_count", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("backed_up_at", BigInteger, nullable=False),
    Column("vanished_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("blob_id", ForeignKey("blobs.id")),
    UniqueConstraint("client_no", "raw_path"),
    Index("ix_files_tree", "client_no", "id"),
    Index("ix_files_blob", "blob_id"),
    *(index for name, columns in FILE_ORDERS.items() for index in _order_indexes(name, columns)),
    Index("ix_files_client_date", "client_name", "backed_up_at", "id", sqlite_where=LISTED_FILE),
    Index("ix_files_deleted", "client_no", "deleted_at", sqlite_where=text("deleted_at IS NOT NULL")),
)
"""``files_text`` is a full-text index of trigrams beside it (``search.py``); both change in one write."""

file_versions = Table(
    "file_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("file_id", ForeignKey("files.id"), nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("kind", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("blob_id", ForeignKey("blobs.id")),
    Column("link_target", LargeBinary),
    Column("inconsistent", Boolean, nullable=False, default=False),
    # Owner, ACL and so on, packed by ``app.wire.attributes``.
    Column("attributes", LargeBinary),
    Index("ix_file_versions_file", "file_id", "id"),
    Index("ix_file_versions_run", "run_id"),
    Index("ix_file_versions_blob", "blob_id"),
)
"""A version holds from ``created_at`` until ``ended_at``: the next version, or the file's vanishing."""

events = Table(
    "events",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("topics", String, nullable=False),
    Column("payload", String, nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("client_no", ForeignKey("clients.no")),
    Column("client_name", String),
    Column("run_id", BigInteger),
    Column("run_state", String),
    Column("files", BigInteger),
    Column("bytes", BigInteger),
    Column("duration_s", Float),
    Column("reason", String),
    Index("ix_activity_client", "client_no", "seq"),
)

verifications = Table(
    "verifications",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("blob_id", BigInteger, nullable=False),
    Column("good", Boolean, nullable=False),
    Index("ix_verifications_blob", "blob_id", "id"),
)

run_rollup = Table(
    "run_rollup",
    metadata,
    Column("step_s", Integer, primary_key=True),
    Column("client_no", Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("complete", "partial", "failed", "cancelled", "bytes_sent", "bytes_seen")
    ),
    Index("ix_run_rollup_at", "step_s", "at"),
    sqlite_with_rowid=False,
)
"""Runs that have ended, by intervals of their end: of each client, and with number 0 of all together."""

metric_samples = Table(
    "metric_samples",
    metadata,
    Column("name", String, primary_key=True),
    Column("step_s", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("least", Float, nullable=False),
    Column("greatest", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
