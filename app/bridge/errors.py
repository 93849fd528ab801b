"""Foreign exceptions become ours here, and nowhere else: aiohttp, ssl, the operating system, JSON, SQLite."""

import asyncio
import errno
import sqlite3
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager

import aiohttp
import msgspec

from app.database.sqlite_errors import failure_of
from app.wire.http import Problem
from app.wire.tls import WrongKey
from streams.model.failures import (
    CommandFailed,
    DatabaseDamaged,
    DatabaseEmpty,
    DatabaseEncrypted,
    DatabaseHotJournal,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseNotServed,
    DatabaseUnreadable,
    DatabaseUnsupported,
    NotADatabase,
    QueryCancelled,
    ServerRefused,
    ServerUnreachable,
    TidewatchError,
    WrongCertificate,
    WrongToken,
    WrongVersion,
)

CHECK_HOST = "Check that the server runs, and connection.host and connection.port where they are set."
CHECK_TOKEN = "Check connection.token or token_file; a revoked token does not come back."
NO_TOKEN = (
    "Start the console in a window, or with --web at a terminal, to be asked for it once; or set"
    " connection.token_file."
)
CHECK_CERTIFICATE = "Check connection.tls, connection.fingerprint and connection.ca_file."
CHECK_PIN = (
    "Somebody may be in between. If the server was set up anew, set connection.fingerprint to what it prints."
)
CHECK_VERSION = "Check connection.port, and that console and server are of the same release."

_DATABASE_FAILURES: dict[str, type[TidewatchError]] = {
    kind.code: kind
    for kind in (
        DatabaseDamaged,
        DatabaseEmpty,
        DatabaseEncrypted,
        DatabaseHotJournal,
        DatabaseLocked,
        DatabaseMissing,
        DatabaseNotServed,
        DatabaseUnreadable,
        DatabaseUnsupported,
        NotADatabase,
    )
}
"""What a server says of a database that it reads for this console, or of its own."""

_decode_problem = msgspec.json.Decoder(Problem).decode


def _unreachable(reason: str) -> Callable[[BaseException, str], TidewatchError]:
    return lambda error, where: ServerUnreachable(f"{where}: {reason}.", hint=CHECK_HOST)


def _certificate(error: BaseException, where: str) -> TidewatchError:
    inner = getattr(error, "certificate_error", error)
    if isinstance(inner, WrongKey):
        return WrongCertificate(
            f"{where}: the server's key is {inner.seen}, not the pinned {inner.pinned}.",
            hint=CHECK_PIN,
            seen=inner.seen,
            pinned=inner.pinned,
        )
    reason = getattr(error, "verify_message", "") or getattr(
        getattr(error, "certificate_error", None), "verify_message", ""
    )
    if not reason:
        text = str(getattr(error, "os_error", None) or error)
        reason = "it does not speak TLS" if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text else text
    return WrongCertificate(f"{where}: TLS failed: {reason}.", hint=CHECK_CERTIFICATE)


def _os_error(error: BaseException, where: str) -> TidewatchError:
    inner: BaseException = getattr(error, "os_error", None) or error
    number = getattr(inner, "errno", None)
    if number == errno.ECONNREFUSED or isinstance(inner, ConnectionRefusedError):
        return ServerRefused(f"{where}: refused, nothing listens there.", hint=CHECK_HOST)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return CommandFailed(f"{where}: no space left on this machine's disk.", code="disk_full")
    reason = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return ServerUnreachable(f"{where}: {reason}.", hint=CHECK_HOST)


def _not_tidewatch(_error: BaseException, where: str) -> TidewatchError:
    return WrongVersion(f"{where}: the answer is not that of a Tidewatch server.", hint=CHECK_VERSION)


def _handshake(error: BaseException, where: str) -> TidewatchError:
    status = getattr(error, "status", 0)
    if status in (401, 403):
        return WrongToken(f"{where}: the token was not accepted.", hint=CHECK_TOKEN)
    if status >= 500:
        return ServerUnreachable(f"{where}: the server answers {status}.", hint=CHECK_HOST)
    return _not_tidewatch(error, where)


def _sqlite(error: BaseException, where: str) -> TidewatchError:
    assert isinstance(error, sqlite3.Error)
    return failure_of(error, where)


MAP: tuple[tuple[type[BaseException], Callable[[BaseException, str], TidewatchError]], ...] = (
    # The first class that fits decides, so that the narrow ones stand before the wide ones.
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientSSLError, _certificate),
    (aiohttp.ServerFingerprintMismatch, _certificate),
    (ssl.SSLError, _certificate),
    (aiohttp.ClientConnectorDNSError, _unreachable("the name is not known")),
    (aiohttp.ClientConnectorError, _os_error),
    (aiohttp.ServerTimeoutError, _unreachable("no answer in time")),
    (TimeoutError, _unreachable("no answer in time")),
    (aiohttp.ServerDisconnectedError, _unreachable("the server cut the connection")),
    (aiohttp.ClientPayloadError, _unreachable("the answer was cut short")),
    (aiohttp.ClientConnectionError, _os_error),
    (aiohttp.WSServerHandshakeError, _handshake),
    (aiohttp.ClientHttpProxyError, _unreachable("the proxy refused")),
    (aiohttp.ClientResponseError, _not_tidewatch),
    (aiohttp.InvalidURL, _unreachable("that is no address")),
    (aiohttp.WSMessageTypeError, _not_tidewatch),
    (aiohttp.WebSocketError, _unreachable("the event socket broke")),
    (aiohttp.ClientError, _unreachable("the connection failed")),
    (msgspec.MsgspecError, _not_tidewatch),
    (UnicodeError, _unreachable("that is no address")),
    (sqlite3.Error, _sqlite),
    (asyncio.IncompleteReadError, _unreachable("the answer was cut short")),
    (OSError, _os_error),
)


def translate(error: BaseException, where: str) -> TidewatchError | None:
    """Return our failure for a foreign exception; None for one that is a bug and must not be hidden."""
    if isinstance(error, TidewatchError):
        return error
    return next((make(error, where) for kind, make in MAP if isinstance(error, kind)), None)


@contextmanager
def translated(where: str) -> Generator[None]:
    """Raise our failures instead of foreign exceptions; ``where`` names the address or the file."""
    try:
        yield
    except Exception as error:
        ours = translate(error, where)
        if ours is None or ours is error:
            raise
        raise ours from error


def refusal(status: int, body: bytes, where: str) -> TidewatchError:
    """Return the failure for an answer that is no success, in the words of the server."""
    try:
        problem = _decode_problem(body)
    except msgspec.MsgspecError:
        if status in (401, 403):
            return WrongToken(f"{where}: the token was not accepted.", hint=CHECK_TOKEN)
        return WrongVersion(f"{where}: answers {status}, not as a Tidewatch server.", hint=CHECK_VERSION)
    if problem.code == "wrong_token":
        return WrongToken(f"{where}: {problem.message.rstrip('.')}.", hint=CHECK_TOKEN)
    database = _DATABASE_FAILURES.get(problem.code)
    if database is not None:
        hint = problem.detail or ("It is tried again." if database is DatabaseLocked else "")
        return database(f"{where}: {problem.message.rstrip('.')}.", hint=hint)
    if problem.code == "query_cancelled":
        return QueryCancelled(problem.message)
    return CommandFailed(problem.message, code=problem.code, hint=problem.detail)
