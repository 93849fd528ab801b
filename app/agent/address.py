"""Where the server is, as the user wrote it, checked."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from app.agent.names import reason_of
from streams.failures import ConfigRejected, WrongCertificate

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
        return self.url.with_scheme("wss" if self.tls else "ws").with_port(port).with_path("/agent")


def address_of(text: str, ca_file: Path | None = None) -> Address:
    """Return the address written as ``http://host:1256``; raise ``ConfigRejected``."""
    hint = "Write it as http://HOST:1256 or https://HOST:1256."
    try:
        url = URL(text.strip())
        host, port = url.host, url.explicit_port
    except ValueError:
        url, host, port = URL(), None, None
    if url.scheme not in ("http", "https") or not host:
        raise ConfigRejected(f"--server {text!r} is not an address of a server.", hint=hint)
    if url.path not in ("", "/") or url.query_string or url.fragment or url.user:
        raise ConfigRejected(f"--server {text!r} holds more than scheme, host and port.", hint=hint)
    url = url.origin() if port else url.origin().with_port(HTTP_PORT)
    return Address(url, _trust(ca_file) if url.scheme == "https" else None)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise WrongCertificate(f"{ca_file}: not a certificate in PEM.", hint="Check agent.ca_file.") from None
    except OSError as error:
        raise ConfigRejected(
            f"{ca_file}: cannot be read: {reason_of(error)}.", hint="Check agent.ca_file."
        ) from None
