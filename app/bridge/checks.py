"""The checks at the start: server, certificate, token, version and database, all at once, limited in time."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from app.bridge.database.server_ports import ask_served
from app.bridge.errors import CHECK_HOST, CHECK_TOKEN, CHECK_VERSION
from app.bridge.http import HttpClient
from app.bridge.socket import wrong_protocol
from app.database import ReadOnlyDatabase
from app.database.opening import look_at
from app.database.sqlite_errors import translated_file
from app.database.wire import ServedDatabase
from app.wire.http import SERVER_NAME, Health
from streams.model.events import PROTOCOL_VERSION
from streams.model.failures import (
    CommandFailed,
    DatabaseLocked,
    DatabaseMissing,
    ServerUnreachable,
    TidewatchError,
    WrongToken,
    WrongVersion,
)
from streams.model.tokens import ConsoleToken

T = TypeVar("T")

CHECK_PORT = "Check connection.port: the events have a port of their own, the next one, which is not meant."


async def check_server(http: HttpClient) -> Health:
    """Return what the server says of itself; raise ServerUnreachable, ServerRefused, WrongCertificate, ..."""
    where = http.address.http
    try:
        async with http.open("GET", "/health", authorised=False) as answer:
            body = await answer.read()
    except WrongToken:  # a server asks for none there
        raise WrongVersion(f"{where} answers, but is no Tidewatch server.", hint=CHECK_PORT) from None
    health = http.decode(body, Health, "/health")
    if health.name != SERVER_NAME:
        raise WrongVersion(f"{where}: that is {health.name}, not a Tidewatch server.", hint=CHECK_VERSION)
    if health.protocol != PROTOCOL_VERSION:
        raise wrong_protocol(health.protocol, where)
    return health


async def check_token(http: HttpClient) -> ConsoleToken:
    """Return what the server says of the token; raise WrongToken."""
    try:
        return await http.get("/api/tokens/own", ConsoleToken)
    except CommandFailed as refused:
        if refused.server_code != "forbidden":
            raise
        raise WrongToken(f"{http.address.http}: that is no token of a console.", hint=CHECK_TOKEN) from None


async def open_database(path: Path) -> ReadOnlyDatabase:
    """Return the database, open; raise DatabaseMissing, NotADatabase or DatabaseLocked."""
    with translated_file(str(path)):  # a file that is not there needs no process that looks for it
        await asyncio.to_thread(look_at, path)
    database = ReadOnlyDatabase(path)
    try:
        await database.open()
    except BaseException:
        await database.close()
        raise
    return database


async def check_all(
    http: HttpClient, database_path: Path | None, limit_s: float
) -> tuple[Health, ConsoleToken, ReadOnlyDatabase | ServedDatabase | None]:
    """Run all checks together; raise the server's failure, with the database's beside it, or that alone.

    Where this machine cannot open the database, the server is asked to.
    """

    async def database() -> ReadOnlyDatabase | None:
        return await open_database(database_path) if database_path else None

    late = ServerUnreachable(f"{http.address.http}: no answer within {limit_s:g} s.", hint=CHECK_HOST)
    health, token, opened = await asyncio.gather(
        limited(check_server(http), limit_s, late),
        limited(check_token(http), limit_s, late),
        limited(database(), limit_s, DatabaseLocked(f"{database_path}: did not open within {limit_s:g} s.")),
    )
    server_failure = health if isinstance(health, TidewatchError) else None
    if server_failure is None and isinstance(token, TidewatchError):
        server_failure = token
    if server_failure is not None:
        if isinstance(opened, TidewatchError):
            server_failure.hint = f"{server_failure.hint} And {opened.line()}".strip()
        elif opened is not None:
            await opened.close()
        raise server_failure
    assert not isinstance(health, TidewatchError)
    assert not isinstance(token, TidewatchError)
    if isinstance(opened, DatabaseMissing) and database_path is not None:
        return health, token, await ask_served(http, database_path, limit_s)
    if isinstance(opened, TidewatchError):
        raise opened
    return health, token, opened


async def limited(check: Awaitable[T], limit_s: float, late: TidewatchError) -> T | TidewatchError:
    """Return the failure as a value, so that one check does not end the others."""
    try:
        async with asyncio.timeout(limit_s):
            return await check
    except TimeoutError:
        return late
    except TidewatchError as failure:
        return failure
