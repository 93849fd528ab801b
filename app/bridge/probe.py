"""The checks of the start, made one by one for whoever changes the settings of the connection."""

import asyncio
import os
from collections.abc import Awaitable
from typing import Any

from app.bridge.access import kept_access
from app.bridge.address import named_key, reach_of, read_token
from app.bridge.checks import check_server, check_token, limited, open_database
from app.bridge.database.server_ports import ask_served, name_of
from app.bridge.errors import CHECK_HOST
from app.bridge.http import HttpClient
from app.config import ConnectionSettings
from streams.model.failures import DatabaseLocked, ServerUnreachable, TidewatchError, WrongCertificate
from streams.model.settings import CheckResult

SOUND = "Whether all of it is sound takes reading all of it: Database, Health, Check now."


async def probe(connection: ConnectionSettings) -> tuple[CheckResult, ...]:
    """Return what the start would say of server, token and database; nothing stays open."""
    (server, token, served), database = await asyncio.gather(_far_end(connection), _database(connection))
    # Where this machine does not have the file, the server's word counts.
    return server, token, database if database.passed or served is None else served


async def _far_end(connection: ConnectionSettings) -> tuple[CheckResult, CheckResult, CheckResult | None]:
    """Return what the server says: of itself, of the token, and of the database unless nobody asked it."""
    access = (await kept_access(connection)).current
    try:
        reach = await reach_of(connection, access)
    except TidewatchError as error:
        return _failed("Server", error), _not_made("Token"), None
    http = HttpClient(
        reach.address,
        lambda: read_token(connection, access),
        tls=reach.tls,
        timeout_s=lambda: connection.check_s,
    )
    late = ServerUnreachable(
        f"{http.address.http}: no answer within {connection.check_s:g} s.", hint=CHECK_HOST
    )
    try:
        health = await limited(check_server(http), connection.check_s, late)
        if isinstance(health, WrongCertificate):
            health = await named_key(reach.address, health, connection.check_s)
        if isinstance(health, TidewatchError):
            return _failed("Server", health), _not_made("Token"), None
        kind = " It is a simulated fleet." if health.simulated else ""
        secured = "over TLS" if reach.tls is not None else "without TLS"
        server = _passed("Server", f"{http.address.http} answers {secured}, version {health.version}.{kind}")
        said = await _said(check_token(http), connection.check_s, late)
        if said:
            return server, _failed("Token", said), None
        return server, _passed("Token", "The server knows it."), await _served(http, connection)
    finally:
        await http.close()


async def _served(http: HttpClient, connection: ConnectionSettings) -> CheckResult | None:
    """Return what the server says of a database that is not on this machine; None of one that is."""
    path = connection.database_path
    if path is None or await asyncio.to_thread(os.access, path, os.R_OK):
        return None
    try:
        served = await ask_served(http, path, connection.check_s)
    except TidewatchError as error:
        return _failed("Database", error)
    return _passed("Database", f"{served.path} opens, read by the server {name_of(http)}.", SOUND)


async def _database(connection: ConnectionSettings) -> CheckResult:
    path = connection.database_path
    if path is None:
        return CheckResult(
            name="Database",
            passed=None,
            message="No connection.database_path is set.",
            hint="It is needed when connection.mock_mode is false.",
        )
    late = DatabaseLocked(f"{path}: did not open within {connection.check_s:g} s.")
    opened = await limited(open_database(path), connection.check_s, late)
    if isinstance(opened, TidewatchError):
        return _failed("Database", opened)
    await opened.close()
    return _passed("Database", f"{path} opens, read-only.", SOUND)


async def _said(check: Awaitable[Any], limit_s: float, late: TidewatchError) -> TidewatchError | None:
    found = await limited(check, limit_s, late)
    return found if isinstance(found, TidewatchError) else None


def _passed(name: str, message: str, hint: str = "") -> CheckResult:
    return CheckResult(name=name, passed=True, message=message, hint=hint)


def _failed(name: str, error: TidewatchError) -> CheckResult:
    return CheckResult(name=name, passed=False, message=error.message, hint=error.hint)


def _not_made(name: str) -> CheckResult:
    return CheckResult(name=name, passed=None, message="Not checked, since the server was not reached.")
