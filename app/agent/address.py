"""The server's address as the user wrote it, checked."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from app.agent.names import reason_of
from app.config import is_loopback
from app.wire.tls import authority_context, check_plain_http, pinned_context
from streams.model.failures import ConfigRejected, WrongCertificate

HTTP_PORT = 1256


@dataclass(frozen=True, slots=True)
class Address:
    """The server's HTTP address, and how to trust it."""

    url: URL
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return str(self.url).rstrip("/")

    def events_url(self, port: int) -> URL:
        """Return the address of the agent socket on ``port``."""
        scheme = "wss" if self.tls else "ws"
        return self.url.with_scheme(scheme).with_port(port).with_path(self.path("/agent"))

    def path(self, path: str) -> str:
        """Return a path of the server's API below the prefix that a proxy serves it under."""
        return f"{self.url.path.rstrip('/')}{path}"


def address_of(
    text: str, ca_file: Path | None = None, *, fingerprint: str = "", insecure_http: bool = False
) -> Address:
    """Return the address written as ``https://host:1256``; raise ``ConfigRejected`` or ``InsecureAddress``.

    With a path, as of a server behind a proxy, the port is that of the scheme where none is given.
    Over TLS the server is known by ``ca_file`` where that is given, else by the ``fingerprint`` of its key,
    else by the authorities of the system.
    """
    hint = "Write it as http://HOST:1256 or https://HOST:1256."
    try:
        url = URL(text.strip())
        host, port = url.host, url.explicit_port
    except ValueError:
        url, host, port = URL(), None, None
    if url.scheme not in ("http", "https") or not host:
        raise ConfigRejected(f"--server {text!r} is not an address of a server.", hint=hint)
    if url.query_string or url.fragment or url.user:
        raise ConfigRejected(f"--server {text!r} holds more than scheme, host, port and path.", hint=hint)
    prefix = url.path.rstrip("/")
    url = url.origin() if port or prefix else url.origin().with_port(HTTP_PORT)
    url = url.with_path(prefix) if prefix else url
    if url.scheme == "http":
        check_plain_http(
            host,
            allowed=insecure_http,
            remedy="Write https://, or allow it with --insecure-http (on the server too).",
        )
        return Address(url)
    return Address(url, pinned_context(fingerprint) if fingerprint and ca_file is None else _trust(ca_file))


def warn_of_plain_http(address: Address, say: Callable[[str], None]) -> None:
    """Say at each start that what goes to another machine can be read on the way."""
    if address.tls is None and not is_loopback(address.url.host or ""):
        say(f"Plain HTTP to {address}: the token and all files can be read on the way.")


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return authority_context(ca_file)
    except ssl.SSLError:
        raise WrongCertificate(f"{ca_file}: not a certificate in PEM.", hint="Check agent.ca_file.") from None
    except OSError as error:
        raise ConfigRejected(
            f"{ca_file}: cannot be read: {reason_of(error)}.", hint="Check agent.ca_file."
        ) from None
