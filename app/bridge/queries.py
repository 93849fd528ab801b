"""Queries of the read-only database as streams that run again when somebody has written to it."""

from collections.abc import Mapping, Sequence
from typing import Any

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from app.database import ROW_LIMIT, ReadOnlyDatabase, Rows
from streams.core.types import Seconds
from streams.operators.from_coro import from_coro
from streams.operators.live_query import live_query
from streams.operators.poll import poll
from streams.operators.results import Failed, Ok
from streams.operators.share_latest import share_latest
from streams.operators.spawning import Spawn

LOOK_S = 1.0


class DatabaseQueries:
    """Looks whether the database has changed, once for all who want to know, and never while nobody does."""

    def __init__(
        self,
        database: ReadOnlyDatabase,
        *,
        scheduler: abc.SchedulerBase,
        spawn: Spawn,
        every_s: Seconds = LOOK_S,
    ) -> None:
        self._database = database
        self._scheduler = scheduler
        self._spawn = spawn
        looks = poll(lambda: from_coro(database.data_version, spawn=spawn), every_s, scheduler=scheduler)
        self.versions: Observable[int] = looks.pipe(
            ops.flat_map(lambda look: rx.of(look.value) if isinstance(look, Ok) else rx.empty()),
            ops.distinct_until_changed(),
            share_latest(),
        )
        """A number at once, then another one each time a commit of somebody else is noticed."""
        self.changes: Observable[int] = self.versions.pipe(ops.skip(1))
        """Each commit of somebody else that is noticed from now on."""

    def rows(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] = (), *, limit: int = ROW_LIMIT
    ) -> Observable[Ok[Rows] | Failed]:
        """Rows of a query.

        Source:  the database file; run at once, and again after each commit of somebody else.
        Emits:   the rows when they differ from the last; many commits during a query are one more run.
        Shape:   at most ``limit`` rows, and whether there are more.
        Sharing: none; each subscriber runs the query. Disposing stops the statement itself.
        Errors:  what the database says is Failed; anything else ends the stream.
        """

        def begin(_: object) -> Observable[Ok[Rows] | Failed]:
            read: int | None = None

            async def run() -> Rows:
                nonlocal read
                # The version is from before the rows, so that no commit falls between the two.
                read = await self._database.data_version()
                return await self._database.query(sql, params, limit=limit)

            return live_query(
                lambda: from_coro(run, spawn=self._spawn),
                self.versions.pipe(ops.filter(lambda version: read is not None and version != read)),
                scheduler=self._scheduler,
                same=lambda last, new: last.rows == new.rows,
            )

        return rx.defer(begin)
