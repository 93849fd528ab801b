"""Two neighbouring ports: HTTP on one, sockets on the next; both are taken before anything is begun."""

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.server.problems import BadCertificate, PortTaken, StartFailed

TRIES = 50
BACKLOG = 512


async def listen(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Return two listening sockets, of ``port`` and the next one; 0 takes any two free neighbours."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise StartFailed(f"The address {host} is not known here.", hint="Check --host.") from error
    family, _, _, _, address = found[0]
    if port:
        first = _open(family, address, port)
        try:
            return first, _open(family, address, port + 1)
        except BaseException:
            first.close()
            raise
    for _ in range(TRIES):
        first = _open(family, address, 0)
        taken = first.getsockname()[1]
        try:
            return first, _open(family, address, taken + 1)
        except (PortTaken, OverflowError):
            first.close()
    raise PortTaken(f"No two neighbouring ports are free on {host}.", hint="Choose one with --port.")


def _open(family: int, address: tuple[Any, ...], port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address[0], port, *address[2:]))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _refusal(error, address[0], port) from error
    except BaseException:
        listening.close()
        raise
    return listening


def _refusal(error: OSError, host: str, port: int) -> StartFailed:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Port {port} on {host} is taken by another program.",
            hint="End that program, or choose another port with --port (it and the next one must be free).",
        )
    if error.errno == errno.EACCES:
        return PortTaken(f"Port {port} may not be used by this user.", hint="Choose one above 1023.")
    return StartFailed(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Check --host and --port.")


@dataclass(frozen=True, slots=True)
class ServedTls:
    """How a server speaks TLS."""

    context: ssl.SSLContext | None
    fingerprint: str = ""
    """What clients pin; empty where an authority vouches for the certificate."""


OWN_TLS = ServedTls(None)
"""With a certificate that the server makes itself, in its data folder."""


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what serves TLS with a certificate and its key; blocks shortly."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key must not ask for its password on a terminal that nobody sees.
        context.load_cert_chain(certificate, key, password="")
    except FileNotFoundError as error:
        missing = certificate if not certificate.exists() else key
        raise BadCertificate(
            f"There is no file {missing}.", hint="Check --tls-cert and --tls-key."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise BadCertificate(
            f"The certificate {certificate} cannot be used: {reason}.",
            hint="--tls-cert and --tls-key take PEM files that belong together.",
        ) from error
    return context
