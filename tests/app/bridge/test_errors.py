"""The map of foreign exceptions: a walk over every class that can come in at the seam."""

import asyncio
import errno
import socket
import sqlite3
import ssl
from collections.abc import Iterator

import aiohttp
import msgspec
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from app.bridge.errors import refusal, translate, translated
from streams.model.failures import (
    CommandFailed,
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseMissing,
    NotADatabase,
    ServerRefused,
    ServerUnreachable,
    TidewatchError,
    WrongCertificate,
    WrongToken,
    WrongVersion,
)

WHERE = "http://backup.example.org:1256"
KEY = ConnectionKey(
    host="backup.example.org",
    port=1256,
    is_ssl=False,
    ssl=True,
    proxy=None,
    proxy_auth=None,
    proxy_headers_hash=None,
    **({"server_hostname": None} if "server_hostname" in ConnectionKey._fields else {}),
)
INFO = aiohttp.RequestInfo(URL(WHERE), "GET", CIMultiDictProxy(CIMultiDict()), URL(WHERE))
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def example(kind: type[BaseException]) -> BaseException:
    """Make one of any class of aiohttp's, whatever its constructor wants."""
    for arguments in (
        (),
        (KEY, OSError(errno.EHOSTUNREACH, "No route to host")),
        (INFO, ()),
        ("/run/socket", KEY, OSError(errno.ENOENT, "No such file")),
        (KEY, ssl.SSLError(1, "[SSL] handshake failure")),
        (b"a", b"b", "host", 1),
        (1000, "closed"),
        ("backup.example.org",),
    ):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise AssertionError(f"teach this test how {kind.__name__} is made")


AIOHTTP = sorted(
    {
        *subclasses(aiohttp.ClientError),
        aiohttp.WebSocketError,
        aiohttp.WSMessageTypeError,
    }
    - {aiohttp.UploadAbortedError if hasattr(aiohttp, "UploadAbortedError") else aiohttp.ClientError},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", AIOHTTP, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_http_client_becomes_ours(kind: type[BaseException]) -> None:
    ours = translate(example(kind), WHERE)
    assert isinstance(ours, TidewatchError)
    assert WHERE in ours.message
    assert "\n" not in ours.line()
    assert ours.hint


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (aiohttp.ClientConnectorError(KEY, REFUSED), ServerRefused),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name not known")), ServerUnreachable),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "No route")), ServerUnreachable),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("bad")), WrongCertificate),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "WRONG_VERSION_NUMBER")), WrongCertificate),
        (aiohttp.ServerTimeoutError(), ServerUnreachable),
        (aiohttp.ServerDisconnectedError(), ServerUnreachable),
        (aiohttp.ClientPayloadError(), ServerUnreachable),
        (aiohttp.InvalidURL("x"), ServerUnreachable),
        (aiohttp.WSServerHandshakeError(INFO, (), status=401), WrongToken),
        (aiohttp.WSServerHandshakeError(INFO, (), status=404), WrongVersion),
        (aiohttp.WSServerHandshakeError(INFO, (), status=503), ServerUnreachable),
        (aiohttp.ContentTypeError(INFO, ()), WrongVersion),
        (TimeoutError(), ServerUnreachable),
        (asyncio.IncompleteReadError(b"", 1), ServerUnreachable),
        (REFUSED, ServerRefused),
        (ConnectionResetError(errno.ECONNRESET, "reset"), ServerUnreachable),
        (OSError(errno.ENOSPC, "No space"), CommandFailed),
        (ssl.SSLCertVerificationError("expired"), WrongCertificate),
        (msgspec.DecodeError("bad"), WrongVersion),
        (msgspec.ValidationError("bad"), WrongVersion),
        (UnicodeError("label too long"), ServerUnreachable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_each_becomes(error: BaseException, ours: type[TidewatchError]) -> None:
    assert type(translate(error, WHERE)) is ours


def sqlite_error(code: int, text: str = "text") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (sqlite3.SQLITE_BUSY, DatabaseLocked),
        (sqlite3.SQLITE_LOCKED, DatabaseLocked),
        (sqlite3.SQLITE_BUSY | 2 << 8, DatabaseLocked),
        (sqlite3.SQLITE_CANTOPEN, DatabaseMissing),
        (sqlite3.SQLITE_NOTADB, NotADatabase),
        (sqlite3.SQLITE_CORRUPT, DatabaseDamaged),
        (sqlite3.SQLITE_INTERRUPT, CommandFailed),
        (sqlite3.SQLITE_AUTH, CommandFailed),
        (sqlite3.SQLITE_READONLY, CommandFailed),
        (sqlite3.SQLITE_ERROR, CommandFailed),
    ],
)
def test_what_the_database_says(code: int, ours: type[TidewatchError]) -> None:
    assert type(translate(sqlite_error(code), "catalogue.db")) is ours


@pytest.mark.parametrize("kind", list(subclasses(sqlite3.Error)), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_database_becomes_ours(kind: type[BaseException]) -> None:
    assert translate(kind("text"), "catalogue.db") is not None


@pytest.mark.parametrize("bug", [KeyError("x"), AttributeError("x"), ZeroDivisionError(), AssertionError()])
def test_a_bug_stays_one(bug: Exception) -> None:
    assert translate(bug, WHERE) is None
    with pytest.raises(type(bug)), translated(WHERE):
        raise bug


def test_ours_pass_as_they_are_and_a_cancellation_too() -> None:
    ours = WrongToken("no")
    with pytest.raises(WrongToken) as raised, translated(WHERE):
        raise ours
    assert raised.value is ours
    with pytest.raises(asyncio.CancelledError), translated(WHERE):
        raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("status", "body", "ours"),
    [
        (401, b'{"code":"wrong_token","message":"No.","detail":""}', WrongToken),
        (403, b'{"code":"forbidden","message":"No.","detail":""}', CommandFailed),
        (401, b"<html>", WrongToken),
        (404, b"<html>", WrongVersion),
        (302, b"", WrongVersion),
        (503, b'{"code":"database_locked","message":"Wait.","detail":""}', DatabaseLocked),
        (404, b'{"code":"unknown_client","message":"No such client.","detail":""}', CommandFailed),
    ],
)
def test_answers_that_are_no_success(status: int, body: bytes, ours: type[TidewatchError]) -> None:
    failure = refusal(status, body, WHERE)
    assert type(failure) is ours
    if isinstance(failure, CommandFailed):
        assert f'"{failure.server_code}"'.encode() in body
