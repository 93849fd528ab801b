"""Where the server is and what opens it: addresses, TLS and the console's token."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from app.bridge.errors import CHECK_CERTIFICATE, CHECK_TOKEN
from app.config import ConnectionSettings, token_path, uses_tls
from streams.failures import WrongCertificate, WrongToken


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


def address_of(connection: ConnectionSettings, events_port: int | None = None) -> Address:
    """Return the address that the settings name."""
    port = connection.port
    return Address(connection.host, port, events_port or port + 1, uses_tls(connection))


async def tls_context(connection: ConnectionSettings) -> ssl.SSLContext | None:
    """Return what TLS connections are checked against; None without TLS."""
    if not uses_tls(connection):
        return None
    return await asyncio.to_thread(_context, connection.ca_file)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise WrongCertificate(
            f"{ca_file}: cannot be used as connection.ca_file: {error.strerror or error}.",
            hint=CHECK_CERTIFICATE,
        ) from error


async def read_token(connection: ConnectionSettings) -> str:
    """Return the console's token, read anew each time, so that a replaced one is found."""
    if connection.token is not None:
        return connection.token.get_secret_value()
    path = token_path(connection)
    if path is None:
        raise WrongToken("No token for the server.", hint="Set connection.token_file.")
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("ascii").strip()
    except FileNotFoundError:
        raise WrongToken(f"{path}: no such file, so there is no token.", hint=CHECK_TOKEN) from None
    except OSError as error:
        raise WrongToken(f"{path}: the token cannot be read: {error.strerror}.", hint=CHECK_TOKEN) from error
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise WrongToken(f"{path}: holds no token.", hint=CHECK_TOKEN)
    return text
