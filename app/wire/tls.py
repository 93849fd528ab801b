"""TLS between Tidewatch's programs: pinned public keys, authorities, and where plain HTTP is allowed.

A server makes its own certificate, which no authority knows. Its clients pin its public key instead: the
SHA-256 of the SubjectPublicKeyInfo, written ``sha256:`` and 43 characters of URL-safe base64. It comes with
the enrolment code, and stays the same when the certificate is renewed.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.config.settings import is_loopback
from streams.model.failures import TidewatchError

PREFIX = "sha256:"
DIGEST_BYTES = 32
_DIGITS = re.compile(r"[0-9a-f]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}")


class InsecureAddress(TidewatchError):
    """Plain HTTP to or from another machine, which nobody has allowed."""

    code = "insecure_http"


class WrongKey(ssl.SSLCertVerificationError):
    """The server's public key is another one than the pinned one; raised inside the TLS handshake."""

    def __init__(self, seen: str, pinned: str) -> None:
        super().__init__(1, f"its key is {seen}, not the pinned {pinned}")
        self.seen, self.pinned = seen, pinned
        self.verify_code = 0
        self.verify_message = f"its key is {seen}, not the pinned {pinned}"
        self.reason = "WRONG_KEY"


def fingerprint_of(certificate: bytes) -> str:
    """Return the fingerprint of the public key in a DER certificate; raises ValueError."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint as ``fingerprint_of`` writes it, from base64 or hexadecimal; raises ValueError."""
    words = text.strip()
    digest = words[len(PREFIX) :] if words.lower().startswith(PREFIX) else words
    hexadecimal = digest.replace(":", "").lower()
    if _DIGITS.fullmatch(hexadecimal):
        return PREFIX + base64.urlsafe_b64encode(binascii.unhexlify(hexadecimal)).decode().rstrip("=")
    digest = digest.rstrip("=").replace("+", "-").replace("/", "_")
    if not _BASE64.fullmatch(digest):
        raise ValueError("not a SHA-256 fingerprint")
    return PREFIX + digest


def join_code(code: str, fingerprint: str) -> str:
    """Return an enrolment code that carries the server's fingerprint; the code alone where there is none."""
    return f"{code}.{fingerprint.removeprefix(PREFIX)}" if fingerprint else code


def split_code(text: str) -> tuple[str, str]:
    """Return the code and the fingerprint in what ``join_code`` made; the latter empty where it has none.

    Raises ValueError for a fingerprint that was cut or changed.
    """
    code, _, digest = text.strip().partition(".")
    return code, parse_fingerprint(digest) if digest else ""


def check_plain_http(host: str, *, allowed: bool, remedy: str) -> None:
    """Raise ``InsecureAddress`` for plain HTTP to another machine unless it is allowed."""
    if not allowed and not is_loopback(host):
        raise InsecureAddress(
            f"Plain HTTP to {host} would send tokens and files in the clear.", hint=f"{remedy}"
        )


def pinned_context(fingerprint: str) -> ssl.SSLContext:
    """Return a client context that accepts one public key, whatever the certificate says.

    The key is checked as part of the handshake: no byte of a request leaves before that.
    """
    pinned = parse_fingerprint(fingerprint)

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            seen = _seen(self.getpeercert(True))
            if seen != pinned:
                raise WrongKey(seen, pinned)

    context = _unverified_context()
    context.sslobject_class = PinnedObject
    return context


def authority_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a client context that trusts the authorities in ``ca_file``, or the system's; raises OSError."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def fingerprint_at(host: str, port: int, within_s: float) -> str:
    """Return the fingerprint of whoever answers there, for a person to compare; nothing is sent.

    Raises OSError (which TLS failures and time-outs are) or ValueError.
    """
    async with asyncio.timeout(within_s):
        _, writer = await asyncio.open_connection(host, port, ssl=_unverified_context())
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return fingerprint_of(tls.getpeercert(True) or b"")
    finally:
        writer.transport.abort()


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _seen(certificate: bytes | None) -> str:
    try:
        return fingerprint_of(certificate or b"")
    except ValueError:
        return "unreadable"
