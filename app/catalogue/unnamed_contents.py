"""Contents that were sent and that no version names: which of them no run will name any more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import literal_column, select, update

from app.catalogue.aliases import AnySelect
from app.catalogue.content_owners import let_go
from app.catalogue.schema import client_contents, clients, runs
from app.catalogue.times import SECOND_US, to_us
from app.catalogue.transaction import Transaction

MAX_UNNAMED = 100_000
"""Contents that are let go in one round at most."""
UNNAMED_S = 86400
"""How long a content may wait for its name where no run of its client ends meanwhile."""
AHEAD_S = 60
"""What came so long after now came while the clock was ahead."""


def unnamed(at: datetime, newest: datetime) -> AnySelect:
    """Select client and content of what no run will name any more at a time.

    What came after the ``newest`` time that is known came while the clock was ahead.
    """
    # Of a client one run follows the other: the newest to have ended is the one with the greatest number.
    last_end = (
        select(runs.c.finished_at)
        .where(runs.c.client_no == client_contents.c.client_no, runs.c.finished_at.is_not(None))
        .order_by(runs.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    running = (
        select(clients.c.running_run_id).where(clients.c.no == client_contents.c.client_no).scalar_subquery()
    )
    return (
        select(client_contents.c.client_no, client_contents.c.blob_id)
        .with_hint(client_contents, "INDEXED BY ix_client_contents_unnamed", "sqlite")
        .where(
            client_contents.c.version_count == literal_column("0"),
            (client_contents.c.received_at < to_us(at) - UNNAMED_S * SECOND_US)
            | (running.is_(None) & (client_contents.c.received_at < last_end))
            | (client_contents.c.received_at > to_us(newest) + AHEAD_S * SECOND_US),
        )
        .limit(MAX_UNNAMED)
    )


def forget(transaction: Transaction, due: Sequence[tuple[int, int]], newest: datetime) -> int:
    """Let go of some of them inside a write; return how many."""
    by_client: dict[int, list[int]] = {}
    for client_no, blob_id in due:
        by_client.setdefault(client_no, []).append(blob_id)
    busy = {
        row.no
        for row in transaction.all(
            select(clients.c.no).where(clients.c.no.in_(by_client), clients.c.running_run_id.is_not(None))
        )
    }
    # From a clock that was ahead: they count from now on, instead of never.
    ahead = client_contents.c.received_at > to_us(newest) + AHEAD_S * SECOND_US
    for no, ids in by_client.items():
        moved = transaction.run(
            update(client_contents)
            .where(client_contents.c.client_no == no, client_contents.c.blob_id.in_(ids), ahead)
            .values(received_at=to_us(newest))
            .returning(client_contents.c.blob_id)
        )
        counted = {row.blob_id for row in moved}
        by_client[no] = [blob_id for blob_id in ids if blob_id not in counted]
    # A run that has begun since may still name them.
    return sum(let_go(transaction, no, ids) for no, ids in by_client.items() if no not in busy)
