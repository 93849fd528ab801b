"""Names of which a run has stored nothing: the first that failed and the first that have vanished."""

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow
from app.catalogue.paths import path_of
from app.catalogue.schema import run_names
from app.catalogue.transaction import Transaction
from app.wire.http import FailedName
from app.wire.limits import MAX_RUN_NAMES
from streams.model.runs import RunName
from streams.model.vocabulary import FileResult

_VANISHED_FROM = MAX_RUN_NAMES
"""Numbers below are of names that failed, which so come first."""


def keep_failed(transaction: Transaction, run_id: int, failed: Sequence[FailedName]) -> None:
    """Keep the names that a run tells with its end; it ends once."""
    _keep(
        transaction,
        [
            {
                "run_id": run_id,
                "number": number,
                "result": FileResult.FAILED.value,
                "path": each.path,
                "reason": each.reason,
            }
            for number, each in enumerate(failed[:MAX_RUN_NAMES])
        ],
    )


def keep_vanished(transaction: Transaction, run: AnyRow, raw_paths: Sequence[bytes]) -> None:
    """Keep names that have vanished, as far as the run has not told as many before."""
    free = max(0, MAX_RUN_NAMES - run.files_vanished)
    _keep(
        transaction,
        [
            {
                "run_id": run.id,
                "number": _VANISHED_FROM + run.files_vanished + number,
                "result": FileResult.VANISHED.value,
                "path": path_of(raw_path),
                "reason": "",
            }
            for number, raw_path in enumerate(raw_paths[:free])
        ],
    )


def _keep(transaction: Transaction, rows: list[dict[str, object]]) -> None:
    if rows:
        transaction.run(insert(run_names), rows)


async def names_of(connection: AsyncConnection, run_id: int) -> tuple[RunName, ...]:
    """Return the names of a run, those that failed first."""
    wanted = (
        select(run_names.c.result, run_names.c.path, run_names.c.reason)
        .where(run_names.c.run_id == run_id)
        .order_by(run_names.c.number)
    )
    rows = (await connection.execute(wanted)).all()
    return tuple(RunName(path=row.path, result=FileResult(row.result), reason=row.reason) for row in rows)
