"""Routes about databases that the server opens for consoles which cannot open the file themselves."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import msgspec
from aiohttp import web

from app.catalogue.audit import AuditNote
from app.catalogue.tokens import TokenInfo
from app.database.answers import DatabaseAnswers
from app.database.export import Piece
from app.database.wire import (
    LAST_PIECE,
    PIECE,
    PROBLEM,
    CountQuestion,
    DatabaseVersion,
    ExportQuestion,
    PageAnswer,
    PageQuestion,
    PathText,
    QuestionId,
    RowCount,
    ServedDatabase,
    SqlAnswer,
    SqlQuestion,
    TakenBack,
    ValueAnswer,
    ValueQuestion,
    framed_piece,
    of_filter,
)
from app.server.dispatch import Route
from app.server.large_answers import send_piece
from app.server.problems import Refused
from app.server.services import Room
from app.wire.http import encode
from app.wire.limits import clipped
from streams.model.base import Record
from streams.model.database import Outline
from streams.model.database_state import CheckResult, DatabaseHealth, Statistics
from streams.model.safe_text import screen_text
from streams.model.statements import Plan
from streams.model.vocabulary import AuditAction, Scope

NOTED_CHARS = 300
"""Of the statement of an export, in its row of the audit record."""


class DatabaseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The file, and the id of the question."""

    path: PathText = ""
    id: QuestionId = ""


class StatisticsQuery(DatabaseQuery, frozen=True, kw_only=True):
    """Whether measuring may take all the time it needs."""

    thorough: bool = False


async def opened(room: Room, token: TokenInfo, query: DatabaseQuery) -> ServedDatabase:
    """Open a database for a console and say where it is; without a path the server's own catalogue.

    GET /api/database: 200, 404 database_not_served, database_missing, and what else keeps it from being read.
    """
    async with room.databases.answering(token.id, query.path, query.id) as answers:
        health = await answers.health()
        return ServedDatabase(path=str(answers.path), size_bytes=health.size_bytes)


async def version(room: Room, query: DatabaseQuery) -> DatabaseVersion:
    """Return a number that grows with each commit; from now on the event socket tells of each.

    GET /api/database/version: 200, 404 database_not_served, database_missing.
    """
    path = await room.databases.served(query.path)
    return DatabaseVersion(version=await room.databases.version(path))


async def outline(room: Room, token: TokenInfo, query: DatabaseQuery) -> web.Response:
    """Return all tables with their capped counts.

    GET /api/database/outline: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, query.path, query.id) as answers:
        found = await answers.outline()
        return await _encoded(lambda: found)


async def health(room: Room, token: TokenInfo, query: DatabaseQuery) -> DatabaseHealth:
    """Return the state of the file and its locks.

    GET /api/database/health: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, query.path, query.id) as answers:
        return await answers.health()


async def statistics(room: Room, token: TokenInfo, query: StatisticsQuery) -> Statistics:
    """Return the sizes of tables and indexes.

    GET /api/database/statistics: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, query.path, query.id) as answers:
        return await answers.statistics(query.thorough)


async def check(room: Room, token: TokenInfo, query: DatabaseQuery) -> CheckResult:
    """Check the whole file and return what is wrong in it.

    GET /api/database/check: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, query.path, query.id) as answers:
        return await answers.check()


async def page(room: Room, token: TokenInfo, body: PageQuestion) -> web.Response:
    """Return one page of a table.

    POST /api/database/page: 200, 404 not_found, 400 query_failed, 408 query_timeout.
    """
    async with room.databases.answering(token.id, body.path, body.id) as answers:
        found = await answers.page(body.query())
        return await _encoded(lambda: PageAnswer.of(found))


async def value(room: Room, token: TokenInfo, body: ValueQuestion) -> web.Response:
    """Return one value, up to 1 MiB of it.

    POST /api/database/value: 200, 404 not_found, 400 query_failed, 408 query_timeout.
    """
    async with room.databases.answering(token.id, body.path, body.id) as answers:
        found = await answers.whole_value(body.query())
        return await _encoded(lambda: ValueAnswer.of(found))


async def count(room: Room, token: TokenInfo, body: CountQuestion) -> RowCount:
    """Return the exact number of rows.

    POST /api/database/count: 200, 404 not_found, 400 query_failed, 408 query_timeout.
    """
    async with room.databases.answering(token.id, body.path, body.id) as answers:
        return RowCount(rows=await answers.count(body.table, of_filter(body.filter)))


async def sql(room: Room, token: TokenInfo, body: SqlQuestion) -> web.Response:
    """Return the answer to a statement that only reads; what is wrong with it is a part of the answer.

    POST /api/database/sql: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, body.path, body.id) as answers:
        found = await answers.run_sql(body.sql)
        return await _encoded(lambda: SqlAnswer.of(found))


async def plan(room: Room, token: TokenInfo, body: SqlQuestion) -> Plan:
    """Return how a statement would be answered.

    POST /api/database/plan: 200, 404 database_not_served, database_missing.
    """
    async with room.databases.answering(token.id, body.path, body.id) as answers:
        return await answers.plan(body.sql)


async def export(
    room: Room, request: web.Request, token: TokenInfo, body: ExportQuestion
) -> web.StreamResponse:
    """Send the whole answer to a statement as a file, in pieces that each tell the rows so far.

    POST /api/database/export: 200, 400 query_failed, 404 database_not_served. A failure after the first piece
    is the last piece; an export without a last piece is not whole.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    try:
        async with (
            room.databases.answering(token.id, body.path, body.id) as answers,
            aclosing(answers.export_pieces(body.sql, body.format)) as pieces,
        ):
            held = await anext(pieces)
            await _note_export(room, request, token, answers, body)
            await response.prepare(request)
            async for following in pieces:
                await _send(room, request, response, PIECE, held)
                held = following
            await _send(room, request, response, LAST_PIECE, held)
    except Refused as refused:
        if not response.prepared:
            raise
        await _send(room, request, response, PROBLEM, Piece(0, encode(refused.problem)))
    await response.write_eof()
    return response


async def _send(
    room: Room, request: web.Request, response: web.StreamResponse, kind: bytes, piece: Piece
) -> None:
    framed = framed_piece(kind, piece.data, piece.rows)
    await send_piece(request, response, framed, send_s=room.limits.send_s)


async def take_back(room: Room, token: TokenInfo, question_id: str) -> TakenBack:
    """Stop the answer to a question of the same token; a closed connection does the same.

    DELETE /api/database/questions/{question_id}: 200.
    """
    return TakenBack(stopped=room.databases.take_back(token.id, question_id))


async def _encoded(answer: Callable[[], Record]) -> web.Response:
    """Return a large answer, made in a thread: others are served meanwhile."""
    body = await asyncio.to_thread(lambda: encode(answer()))
    return web.Response(body=body, content_type="application/json")


async def _note_export(
    room: Room, request: web.Request, token: TokenInfo, answers: DatabaseAnswers, body: ExportQuestion
) -> None:
    """Note that data of a database is given out; equal exports are gathered."""
    statement = clipped(screen_text(body.sql[: 2 * NOTED_CHARS]), NOTED_CHARS)
    note = AuditNote(
        action=AuditAction.DOWNLOAD,
        who=room.logins.name(token),
        address=room.peers.address(request),
        target=f"database {answers.path.name}: {statement}",
    )
    await room.audit.gather_durably(note, token.id, note.address, note.target)


_FILE = (
    "database_not_served",
    "database_missing",
    "database_unreadable",
    "database_empty",
    "database_damaged",
    "database_encrypted",
    "database_unsupported",
    "database_locked",
    "database_hot_journal",
    "not_a_database",
    "not_read",
    "busy",
    "query_cancelled",
    "query_timeout",
)
"""Refusals of every question about a file."""
_STATEMENT = (*_FILE, "not_found", "query_failed")

DATABASE = (
    Route("GET", "/api/database", opened, Scope.LOOK, _FILE),
    Route("GET", "/api/database/version", version, Scope.LOOK, ("database_not_served", "database_missing")),
    Route("GET", "/api/database/outline", outline, Scope.LOOK, _FILE, reply=Outline),
    Route("GET", "/api/database/health", health, Scope.LOOK, _FILE),
    Route("GET", "/api/database/statistics", statistics, Scope.LOOK, _FILE),
    Route("GET", "/api/database/check", check, Scope.LOOK, _FILE),
    Route("POST", "/api/database/page", page, Scope.LOOK, _STATEMENT, reply=PageAnswer),
    Route("POST", "/api/database/value", value, Scope.LOOK, _STATEMENT, reply=ValueAnswer),
    Route("POST", "/api/database/count", count, Scope.LOOK, _STATEMENT),
    Route("POST", "/api/database/sql", sql, Scope.LOOK, _FILE, reply=SqlAnswer),
    Route("POST", "/api/database/plan", plan, Scope.LOOK, _FILE),
    Route(
        "POST",
        "/api/database/export",
        export,
        Scope.LOOK,
        (*_STATEMENT, "read_only", "secret"),
        content="application/octet-stream",
    ),
    Route("DELETE", "/api/database/questions/{question_id}", take_back, Scope.LOOK),
)
