"""Counts ended runs by client and interval, in the write that ends them: no question reads all runs."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.schema import run_rollup
from app.catalogue.times import SECOND_US, to_us
from app.catalogue.totals import clamped, increased
from app.catalogue.transaction import Transaction
from streams.model.vocabulary import RunState

ALL = 0
"""Stands for all clients together."""
FLEET_S, HOUR_S, DAY_S = 300, 3600, 86400
"""Lengths of the intervals: the shortest only of all clients together, the others of each client."""
STEPS_S = (FLEET_S, HOUR_S, DAY_S)
STATES = (RunState.COMPLETE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)
COUNTS = (*(state.value for state in STATES), "bytes_sent", "bytes_seen")

_Key = tuple[int, int, int]

_given = insert(run_rollup)
_add = _given.on_conflict_do_update(
    index_elements=["step_s", "client_no", "at"],
    set_={name: increased(run_rollup.c[name], _given.excluded[name]) for name in COUNTS},
)


def count_runs(transaction: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count in runs that have ended, inside the write that says so; each run once."""
    gathered: dict[_Key, dict[str, int]] = {}
    for row in rows:
        for step_s, client_no in ((FLEET_S, ALL), (HOUR_S, row["client_no"]), (DAY_S, row["client_no"])):
            at = row["finished_at"] - row["finished_at"] % (step_s * SECOND_US)
            counts = gathered.setdefault((step_s, client_no, at), dict.fromkeys(COUNTS, 0))
            counts[row["state"]] += 1
            counts["bytes_sent"] += row["bytes_sent"]
            counts["bytes_seen"] += row["bytes_seen"]
    if gathered:
        transaction.run(
            _add,
            [
                {
                    "step_s": step_s,
                    "client_no": client_no,
                    "at": at,
                    **{name: clamped(count) for name, count in counts.items()},
                }
                for (step_s, client_no, at), counts in gathered.items()
            ],
        )


def forget_hours(transaction: Transaction, before: datetime, most: int) -> int:
    """Drop some hours of clients that ended before a time; days and sums of all clients stay."""
    key = tuple_(*run_rollup.primary_key.columns)
    old = (
        select(*run_rollup.primary_key.columns)
        .where(run_rollup.c.step_s == HOUR_S, run_rollup.c.at < to_us(before))
        .limit(most)
    )
    return transaction.run(delete(run_rollup).where(key.in_(old))).rowcount
