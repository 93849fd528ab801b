"""Runs counted by client and interval, and what is there already counted in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = ("complete", "partial", "failed", "cancelled", "bytes_sent", "bytes_seen")
STATES = COUNTS[:4]
MAX = 2**62
STEPS = ((300, "0"), (3600, "client_no"), (86400, "client_no"))


def upgrade() -> None:
    op.create_table(
        "run_rollup",
        sa.Column("step_s", sa.Integer(), nullable=False),
        sa.Column("client_no", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("step_s", "client_no", "at"),
        sqlite_with_rowid=False,
    )
    states = ", ".join(f"sum(CASE WHEN state = '{state}' THEN 1 ELSE 0 END)" for state in STATES)
    ended = ", ".join(f"'{state}'" for state in STATES)
    for step_s, client in STEPS:
        op.execute(
            f"""
            INSERT INTO run_rollup (step_s, client_no, at, {", ".join(COUNTS)})
            SELECT {step_s}, {client} AS whose, finished_at - finished_at % {step_s * 1_000_000} AS slot,
                   {states}, {_summed("bytes_sent")}, {_summed("bytes_seen")}
            FROM runs WHERE finished_at IS NOT NULL AND state IN ({ended})
            GROUP BY whose, slot
            """
        )


def _summed(column: str) -> str:
    """Return a sum that stops: ``sum()`` fails where it overflows, and sizes were believed as told."""
    return f"CAST(max(0, min({MAX}, total({column}))) AS INTEGER)"
