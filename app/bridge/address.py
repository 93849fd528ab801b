"""The server's URL, TLS and the console's token."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.bridge.access import Access
from app.bridge.errors import CHECK_CERTIFICATE, CHECK_TOKEN, NO_TOKEN
from app.config import ConnectionSettings, is_loopback, token_path
from app.wire.tls import (
    authority_context,
    check_plain_http,
    fingerprint_at,
    parse_fingerprint,
    pinned_context,
)
from streams.model.failures import TokenMissing, WrongCertificate, WrongToken

log = structlog.stdlib.get_logger(__name__)

FINGERPRINT_FILE = "server.fingerprint"
"""Beside the database, where the server on this machine notes the fingerprint of its key."""


@dataclass(frozen=True, slots=True)
class Address:
    """The server as this console reaches it."""

    host: str
    port: int
    events_port: int
    tls: bool

    @property
    def http(self) -> str:
        """The start of every HTTP address."""
        return f"{'https' if self.tls else 'http'}://{self._host}:{self.port}"

    @property
    def events(self) -> str:
        """The address of the event socket."""
        return f"{'wss' if self.tls else 'ws'}://{self._host}:{self.events_port}/events"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host


@dataclass(frozen=True, slots=True)
class Reach:
    """The server's address, and how it is known over TLS."""

    address: Address
    tls: ssl.SSLContext | None


async def reach_of(connection: ConnectionSettings, access: Access) -> Reach:
    """Return how the settings reach the server; raises WrongCertificate or InsecureAddress.

    Over TLS it is known by ``ca_file`` where that is set, else by its fingerprint (from the settings, from
    beside the database where the server notes it, or as a person has confirmed it), else by the authorities
    of the system.
    """
    fingerprint = connection.fingerprint or await asyncio.to_thread(_noted_fingerprint, connection)
    fingerprint = fingerprint or access.fingerprint
    secured = connection.tls == "on" or (
        connection.tls == "auto" and bool(fingerprint or not is_loopback(connection.host))
    )
    address = Address(connection.host, connection.port, connection.port + 1, secured)
    if not secured:
        check_plain_http(
            connection.host,
            allowed=connection.insecure_http,
            remedy="Leave out connection.tls, or set connection.insecure_http to allow it.",
        )
        if not is_loopback(connection.host):
            log.warning("insecure_http", host=connection.host, hint="The token can be read on the way.")
        return Reach(address, None)
    if fingerprint and connection.ca_file is None:
        return Reach(address, pinned_context(fingerprint))
    return Reach(address, await asyncio.to_thread(_context, connection.ca_file))


def _noted_fingerprint(connection: ConnectionSettings) -> str:
    """Return what a server on this machine noted of its own key; empty where it is elsewhere."""
    if connection.database_path is None:
        return ""
    try:
        return parse_fingerprint(connection.database_path.with_name(FINGERPRINT_FILE).read_text("ascii"))
    except (OSError, ValueError):
        return ""


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return authority_context(ca_file)
    except OSError as error:
        raise WrongCertificate(
            f"{ca_file}: cannot be used as connection.ca_file: {error.strerror or error}.",
            hint=CHECK_CERTIFICATE,
        ) from error


async def named_key(address: Address, error: WrongCertificate, within_s: float) -> WrongCertificate:
    """Return ``error`` with the key that answers there in its hint, for a person to compare."""
    try:
        seen = await fingerprint_at(address.host.strip("[]"), address.port, within_s)
    except (OSError, ValueError):  # it speaks no TLS, or is gone: the error says enough
        return error
    error.seen = error.seen or seen
    error.hint = (
        f"Its key is {seen}. If that is what the server prints at its start,"
        " set connection.fingerprint to it. " + error.hint
    )
    return error


def asks_for_token(connection: ConnectionSettings) -> bool:
    """Return whether a person gives the token: the configuration names none."""
    return connection.token is None and connection.token_file is None


async def read_token(connection: ConnectionSettings, access: Access) -> str:
    """Return the console's token; a file is read anew each time, so that a replaced one is found.

    Where the configuration names none it is the one that a person gave, else the one beside the database,
    where the server writes it. Raises WrongToken, and TokenMissing where there is none.
    """
    if connection.token is not None:
        return connection.token.get_secret_value()
    if connection.token_file is not None:
        return await asyncio.to_thread(_read, connection.token_file)
    if access.token:
        return access.token
    path = token_path(connection)
    if path is None:
        raise TokenMissing("No token for the server.", hint="Set connection.token_file.")
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("ascii").strip()
    except FileNotFoundError:
        raise TokenMissing(f"{path}: no such file, so there is no token.", hint=NO_TOKEN) from None
    except OSError as error:
        raise WrongToken(f"{path}: the token cannot be read: {error.strerror}.", hint=CHECK_TOKEN) from error
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise WrongToken(f"{path}: holds no token.", hint=CHECK_TOKEN)
    return text
