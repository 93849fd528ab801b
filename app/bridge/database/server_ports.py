"""The questions about a database that the server opens: ``streams.sources.database.DatabasePort`` over HTTP.

Disposing a question closes its request and takes it back by its id, in case something between the two keeps
the connection open. Changes come through the event socket; without it the version is asked for.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from msgspec.structs import replace
from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable

from app.bridge.errors import refusal, translated
from app.bridge.http import HttpClient
from app.database import health
from app.database.answers import COUNT_EXACT_S, OUTLINE_S, SQL_S
from app.database.lanes import LEARN_S
from app.database.opening import CHECK_PATH
from app.database.paging import PAGE_S
from app.database.wire import (
    LAST_PIECE,
    MAX_ANSWER_BYTES,
    MAX_PIECE_BYTES,
    PIECE,
    PIECE_HEAD,
    CountQuestion,
    DatabaseVersion,
    ExportQuestion,
    Filter,
    PageAnswer,
    PageQuestion,
    Question,
    RowCount,
    ServedDatabase,
    SqlAnswer,
    SqlQuestion,
    TakenBack,
    ValueAnswer,
    ValueQuestion,
    WireEdge,
    to_cells,
)
from streams.model.database import (
    AnswerQuery,
    CellQuery,
    ColumnFilter,
    Outline,
    PageQuery,
    TablePage,
    WholeValue,
)
from streams.model.database_state import CheckResult, DatabaseHealth, Statistics
from streams.model.events import DatabaseFrame
from streams.model.failures import (
    CommandFailed,
    DatabaseMissing,
    ServerTooOld,
    ServerUnreachable,
    TidewatchError,
    WrongVersion,
)
from streams.model.new_file import NewFile
from streams.model.statements import ExportFormat, ExportProgress, Plan, SqlResult
from streams.model.vocabulary import Topic
from streams.operators.from_aiter import from_aiter
from streams.operators.from_coro import from_coro
from streams.operators.spawning import Spawn
from streams.sources.feed import Feed, FeedItem, Lost, Synced

T = TypeVar("T")

SPARE_S = 10.0
"""What an answer may take beside the time limit of its statement: the way, and reading the schema."""
LARGE_BYTES = 256 * 1024
"""Answers above this are decoded in a thread."""
LINGER_S = 5.0
"""The event socket is listened to for so long after the last question for the version."""
CANCEL_S = 4.0
BASE = "/api/database"


async def ask_served(http: HttpClient, path: Path, limit_s: float) -> ServedDatabase:
    """Return where the server has the database; raise why it cannot be read there."""
    try:
        async with http.open("GET", BASE, params={"path": path.as_posix()}, limit_s=limit_s) as answer:
            return _decoded(await _bounded(answer), ServedDatabase, http.address.http)
    except CommandFailed as refused:
        if refused.server_code != "not_found":
            raise
        raise ServerTooOld(
            f"{path}: not on this machine, and the server {name_of(http)} is too old to read it"
            " for a console.",
            hint="Update the server, or set connection.database_path to a file on this machine.",
        ) from None
    except DatabaseMissing as missing:
        raise type(missing)(
            f"{path}: not on this machine; the server {name_of(http)} says: "
            f"{missing.message.removeprefix(f'{http.address.http}: ')}",
            hint=missing.hint if CHECK_PATH in missing.hint else f"{CHECK_PATH} {missing.hint}",
        ) from None


def name_of(http: HttpClient) -> str:
    """Return what a server is called on the screen."""
    return f"{http.address.host}:{http.address.port}"


class ServerDatabasePorts:
    """One method a question; each subscription asks once, disposing it stops the statement on the server."""

    def __init__(
        self,
        http: HttpClient,
        served: ServedDatabase,
        feed: Feed,
        spawn: Spawn,
        *,
        scheduler: abc.SchedulerBase,
    ) -> None:
        self.path = served.path
        self._http = http
        self._spawn = spawn
        self._versions = _Versions(self._ask_version, served.path, feed, scheduler)

    async def close(self) -> None:
        """Listen to the server's changes no longer."""
        self._versions.close()

    def version(self) -> Observable[int]:
        """Another number after each commit of another program."""
        return from_coro(self._versions.read, spawn=self._spawn)

    def outline(self) -> Observable[Outline]:
        """All tables with their capped counts."""

        async def ask() -> Outline:
            outline = await self._get("outline", Outline, OUTLINE_S)
            return replace(outline, read_by=name_of(self._http))

        return self._asked(ask)

    def page(self, query: PageQuery) -> Observable[TablePage]:
        """One page of a table."""
        question = PageQuestion(
            path=self.path,
            table=query.table,
            sort=query.sort,
            descending=query.descending,
            filter=Filter.of(query.filter),
            direction=query.direction,
            edge=WireEdge.of(query.edge),
            limit=query.limit,
        )

        async def ask() -> TablePage:
            return (await self._post("page", question, PageAnswer, PAGE_S)).page()

        return self._asked(ask)

    def whole_value(self, query: CellQuery | AnswerQuery) -> Observable[WholeValue]:
        """One value, up to 1 MiB of it from where the query says."""
        if isinstance(query, AnswerQuery):
            question = ValueQuestion(
                path=self.path,
                sql=query.sql,
                row=query.row,
                place=query.column,
                start_bytes=query.start_bytes,
            )
        else:
            question = ValueQuestion(
                path=self.path,
                table=query.table,
                column=query.column,
                key=to_cells(query.key),
                start_bytes=query.start_bytes,
            )

        async def ask() -> WholeValue:
            return (await self._post("value", question, ValueAnswer, SQL_S)).whole()

        return self._asked(ask)

    def count(self, table: str, wanted: ColumnFilter | None) -> Observable[int]:
        """The exact number of rows, however long that takes."""
        question = CountQuestion(path=self.path, table=table, filter=Filter.of(wanted))

        async def ask() -> int:
            return (await self._post("count", question, RowCount, COUNT_EXACT_S)).rows

        return self._asked(ask)

    def run_sql(self, sql: str) -> Observable[SqlResult]:
        """The answer to a statement that a person wrote."""

        async def ask() -> SqlResult:
            question = SqlQuestion(path=self.path, sql=sql)
            return await self._post("sql", question, SqlAnswer, SQL_S, lambda answer: answer.result(sql))

        return self._asked(ask)

    def plan(self, sql: str) -> Observable[Plan]:
        """How the database would answer a statement."""
        return self._asked(lambda: self._post("plan", SqlQuestion(path=self.path, sql=sql), Plan, PAGE_S))

    def statistics(self, thorough: bool) -> Observable[Statistics]:
        """Where the room goes; ``thorough`` takes all the time it needs."""
        limit_s = health.SIZES_LONG_S if thorough else health.SIZES_S
        words = {"thorough": "true" if thorough else "false"}
        return self._asked(lambda: self._get("statistics", Statistics, limit_s, words))

    def health(self) -> Observable[DatabaseHealth]:
        """The state of the file and its locks."""
        return self._asked(lambda: self._get("health", DatabaseHealth, PAGE_S))

    def check(self) -> Observable[CheckResult]:
        """What ``PRAGMA quick_check`` finds."""
        return self._asked(lambda: self._get("check", CheckResult, health.CHECK_S))

    def export(self, sql: str, kind: ExportFormat, target: Path) -> Observable[ExportProgress]:
        """Write the whole answer to a file of this machine; how far that is, and last the path."""
        return from_aiter(lambda: self._export(sql, kind, target), spawn=self._spawn)

    # -- helpers

    async def _export(self, sql: str, kind: ExportFormat, target: Path) -> AsyncGenerator[ExportProgress]:
        new = await asyncio.to_thread(NewFile, target)
        try:
            question = ExportQuestion(path=self.path, id=_new_id(), sql=sql, format=kind)
            rows = size = 0
            async with self._http.open(
                "POST",
                f"{BASE}/export",
                data=msgspec.json.encode(question),
                limit_s=LEARN_S + SPARE_S,
                streaming=True,
            ) as answer:
                with translated(self._http.address.http):
                    async for rows, data in _pieces(answer, self._http.address.http):
                        await asyncio.to_thread(new.write, data)
                        size += len(data)
                        yield ExportProgress(rows=rows, size_bytes=size)
            path = await asyncio.to_thread(new.publish)
            yield ExportProgress(rows=rows, size_bytes=size, path=str(path))
        finally:
            await asyncio.to_thread(new.discard)

    async def _ask_version(self) -> int:
        params = {"path": self.path}
        found = await self._answered("GET", "version", DatabaseVersion, "", None, params=params)
        return found.version

    async def _get(self, name: str, kind: type[T], limit_s: float, words: dict[str, str] | None = None) -> T:
        question_id = _new_id()
        params = {"path": self.path, "id": question_id, **(words or {})}
        within_s = limit_s + LEARN_S + SPARE_S
        return await self._answered("GET", name, kind, question_id, within_s, params=params)

    async def _post(
        self,
        name: str,
        question: Question,
        kind: type[T],
        limit_s: float,
        make: Callable[[T], Any] = lambda answer: answer,
    ) -> Any:
        named = replace(question, id=_new_id())
        data = msgspec.json.encode(named)
        within_s = limit_s + LEARN_S + SPARE_S
        return await self._answered("POST", name, kind, named.id, within_s, data=data, make=make)

    async def _answered(
        self,
        method: str,
        name: str,
        kind: type[T],
        question_id: str,
        limit_s: float | None,
        *,
        params: dict[str, str] | None = None,
        data: bytes | None = None,
        make: Callable[[T], Any] = lambda answer: answer,
    ) -> Any:
        path = f"{BASE}/{name}"

        def read(body: bytes) -> Any:
            return make(_decoded(body, kind, self._http.address.http))

        try:
            async with self._http.open(method, path, params=params, data=data, limit_s=limit_s) as answer:
                body = await _bounded(answer)
        except asyncio.CancelledError:
            if question_id:
                self._spawn(lambda: self._take_back(question_id))
            raise
        return await asyncio.to_thread(read, body) if len(body) > LARGE_BYTES else read(body)

    async def _take_back(self, question_id: str) -> None:
        with suppress(TidewatchError):  # then the closed connection says it, or the deadline
            await self._http.send("DELETE", f"{BASE}/questions/{question_id}", TakenBack, limit_s=CANCEL_S)

    def _asked(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> Observable[T]:
        return from_coro(ask, spawn=self._spawn)


class _Versions:
    """The version of the file, kept up to date by the event socket while somebody keeps asking for it."""

    def __init__(
        self,
        ask: Callable[[], Coroutine[Any, Any, int]],
        path: str,
        feed: Feed,
        scheduler: abc.SchedulerBase,
    ) -> None:
        self._ask, self._path, self._feed, self._scheduler = ask, path, feed, scheduler
        self._listening: abc.DisposableBase | None = None
        self._ending = SerialDisposable()
        self._flows = False
        self._version: int | None = None
        self._frames = 0

    async def read(self) -> int:
        """Return the version; raise why the server cannot say it."""
        self._listen()
        if self._flows and self._version is not None:
            return self._version
        frames = self._frames
        version = await self._ask()
        if self._flows and self._frames == frames:
            self._version = version
        return version

    def close(self) -> None:
        """Listen no longer."""
        self._ending.dispose()
        self._leave()

    def _listen(self) -> None:
        if self._listening is None:
            self._listening = self._feed.frames(Topic.DATABASE).subscribe(self._on_item)
        self._ending.disposable = self._scheduler.schedule_relative(LINGER_S, lambda *_: self._leave())

    def _leave(self) -> None:
        listening, self._listening = self._listening, None
        self._flows, self._version = False, None
        if listening is not None:
            listening.dispose()

    def _on_item(self, item: FeedItem) -> None:
        match item:
            case Synced():
                self._flows, self._version = True, None
            case Lost():
                self._flows, self._version = False, None
            case DatabaseFrame(path=path, version=version) if path == self._path:
                self._frames += 1
                self._version = version
            case _:
                pass


def _new_id() -> str:
    return uuid.uuid4().hex


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    """Return an answer, whole or not at all: a row that is left out would shift the keys of the others."""
    with translated(where):
        return msgspec.json.decode(body, type=kind)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """Return a body, up to what an answer can have."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise WrongVersion(f"{answer.url.origin()}: the answer is larger than any of a Tidewatch server.")
    return bytes(body)


async def _pieces(answer: aiohttp.ClientResponse, where: str) -> AsyncGenerator[tuple[int, bytes]]:
    """Give the pieces of an export with the rows so far; raise what it ends with instead of its last one."""
    while True:
        try:
            kind, size, rows = PIECE_HEAD.unpack(await answer.content.readexactly(PIECE_HEAD.size))
            if size > MAX_PIECE_BYTES:
                raise WrongVersion(f"{where}: the answer is not that of a Tidewatch server.")
            data = await answer.content.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise ServerUnreachable(f"{where}: the export was cut short.") from error
        if kind not in (PIECE, LAST_PIECE):
            raise refusal(409, data, where)
        yield rows, data
        if kind == LAST_PIECE:
            return
