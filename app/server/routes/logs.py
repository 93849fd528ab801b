"""The route of the server's log."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from app.server.dispatch import Route
from app.server.problems import Refused
from app.server.services import Room
from streams.model.logs import PAGE_LINES, LogFilter, LogPage
from streams.model.vocabulary import LogLevel, LogSource, Scope

MAX_LINES = 2000

E = TypeVar("E", bound=StrEnum)


class LogsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines, and before which of them."""

    levels: str = ",".join(LogLevel)
    """Some of debug, info, warning and error, with commas between."""
    sources: str = f"{LogSource.SERVER},{LogSource.DATABASE},{LogSource.AUDIT}"
    """Of server, database and audit, with commas between."""
    text: Annotated[str, msgspec.Meta(max_length=400)] = ""
    """Words, or an expression between slashes; the case does not matter."""
    client_id: str | None = None
    run_id: int | None = None
    correlation_id: str | None = None
    until: datetime | None = None
    before: Annotated[int, msgspec.Meta(ge=0)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LINES)] = PAGE_LINES


async def logs(room: Room, query: LogsQuery) -> LogPage:
    """Return lines of the server's log, newest first.

    GET /api/logs: 200, 400 bad_request where the expression is none. ``next_before`` leads to the next page,
    which may be empty and still lead on: a question looks at a limited part of the log.
    """
    wanted = LogFilter(
        levels=_words(LogLevel, query.levels, "levels"),
        sources=_words(LogSource, query.sources, "sources"),
        text=query.text,
        client_id=query.client_id,
        run_id=query.run_id,
        correlation_id=query.correlation_id,
        until=query.until,
    )
    pages: list[LogPage] = []
    if wanted.sources - {LogSource.AUDIT}:
        pages.append(await room.logbook.page(wanted, query.before, query.limit))
    if LogSource.AUDIT in wanted.sources:
        pages.append(await room.catalogue.audit.page(wanted, query.before, query.limit))
    return merged(pages, query.limit)


def merged(pages: list[LogPage], limit: int) -> LogPage:
    """Return pages that begin at one place as one page, newest line first."""
    lines = sorted((line for page in pages for line in page.lines), key=lambda line: -line.id)
    # Below the place where one of them stopped its lines would be missing.
    reach = max((page.next_before for page in pages if page.next_before is not None), default=None)
    if reach is not None:
        lines = [line for line in lines if line.id >= reach]
    if len(lines) > limit:
        lines = lines[:limit]
        reach = lines[-1].id
    return LogPage(lines=tuple(lines), next_before=reach)


def _words(kind: type[E], text: str, name: str) -> frozenset[E]:
    try:
        return frozenset(kind(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        known = ", ".join(kind)
        raise Refused("bad_request", f"{name} takes some of {known}.", detail=text[:80]) from None


LOGS = (Route("GET", "/api/logs", logs, Scope.LOOK),)
