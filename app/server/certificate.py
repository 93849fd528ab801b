"""The server's own certificate: made at the first start beyond loopback, renewed with the same key."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from app.runtime.private_folder import write_private
from app.server.problems import BadCertificate
from app.wire.tls import fingerprint_of

log = structlog.stdlib.get_logger(__name__)

FOLDER = "tls"
KEY_FILE, CERTIFICATE_FILE = "server.key", "server.crt"
FINGERPRINT_FILE = "server.fingerprint"
"""In the data folder: what a console or a restore on this machine pins. Public."""
VALID = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=90)
CHECK_S = 86_400.0


def own_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Return the files of certificate and key in ``folder``, made or renewed where that is needed.

    The key stays the same for good, so that what pins it goes on. Raises OSError or ``BadCertificate``.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    key_file, certificate_file = folder / KEY_FILE, folder / CERTIFICATE_FILE
    key = _read_key(key_file)
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        log.info("tls_key_made", file=str(key_file))
    names = _names(host)
    if not _is_current(certificate_file, key, names):
        write_private(certificate_file, _issued(key, names).public_bytes(Encoding.PEM))
        log.info("certificate_made", file=str(certificate_file), names=names)
    return certificate_file, key_file


def pinned_fingerprint(certificate_file: Path) -> str:
    """Return what clients pin of a certificate: nothing where an authority issued it, who vouches for it.

    The keys of those are replaced with the certificates, every few weeks by some tools.
    """
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    return fingerprint_of(certificate.public_bytes(Encoding.DER)) if _is_self_signed(certificate) else ""


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def note_fingerprint(data_dir: Path, fingerprint: str) -> None:
    """Keep the fingerprint where the programs on this machine find it; none without TLS. Raises OSError."""
    file = data_dir / FINGERPRINT_FILE
    if fingerprint:
        write_private(file, f"{fingerprint}\n".encode())
    else:
        file.unlink(missing_ok=True)


def noted_fingerprint(data_dir: Path) -> str:
    """Return the fingerprint of the server that runs or ran last on ``data_dir``; empty without one."""
    with suppress(FileNotFoundError):
        return (data_dir / FINGERPRINT_FILE).read_text("ascii").strip()
    return ""


async def keep_current(folder: Path, host: str, tls: ssl.SSLContext) -> None:
    """Renew the certificate of a running server once a day where that is due, until cancelled."""
    while True:
        await asyncio.sleep(CHECK_S)
        files = await asyncio.to_thread(own_certificate, folder, host)
        await asyncio.to_thread(tls.load_cert_chain, *files)


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise BadCertificate(
            f"The key {file} cannot be read: {error}.",
            hint="Put a copy back. Without it, remove it: all clients have to be enrolled again then.",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate(f"The key {file} is none of this server's.", hint="Put a copy back.")
    return key


def _is_current(file: Path, key: ec.EllipticCurvePrivateKey, names: list[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    known = {str(name.value) for name in found}
    return (
        certificate.public_key() == key.public_key()
        and known.issuperset(names)
        and certificate.not_valid_before_utc <= datetime.now(UTC)
        and certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE
    )


def _issued(key: ec.EllipticCurvePrivateKey, names: Iterable[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tidewatch server")])
    began = datetime.now(UTC) - timedelta(days=1)  # clocks of clients may be behind
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + VALID)
        .add_extension(x509.SubjectAlternativeName([_general(text) for text in names]), critical=False)
        # So that it can also be named as the authority, in agent.ca_file say.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(host: str) -> list[str]:
    """Return the names and addresses of this machine, as far as it knows them."""
    names = {"localhost", socket.gethostname(), socket.getfqdn(), host}
    for addresses in psutil.net_if_addrs().values():
        names |= {
            address.address.partition("%")[0]
            for address in addresses
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
    return sorted(name for name in names if name and name.isascii() and not _is_wildcard(name))


def _is_wildcard(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return False
