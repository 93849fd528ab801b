"""Fingerprints and codes as people copy them, and where plain HTTP is allowed."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.config import Settings
from app.config.sections import ConnectionSettings, ServerSettings
from app.server import certificate
from app.server.certificate import note_fingerprint, noted_fingerprint, own_certificate, pinned_fingerprint
from app.server.command import _served_tls
from app.server.ports import OWN_TLS, ServedTls, tls_context
from app.server.problems import BadCertificate
from app.wire.tls import InsecureAddress, check_plain_http, join_code, parse_fingerprint, split_code

DIGEST = hashlib.sha256(b"a key").digest()
FINGERPRINT = "sha256:" + base64.urlsafe_b64encode(DIGEST).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        FINGERPRINT,
        f" {FINGERPRINT}\n",
        "SHA256:" + base64.b64encode(DIGEST).decode(),
        FINGERPRINT.removeprefix("sha256:"),
        DIGEST.hex(),
        DIGEST.hex(":").upper(),
    ],
)
def test_a_fingerprint_is_read_in_every_usual_form(text: str) -> None:
    assert parse_fingerprint(text) == FINGERPRINT
    assert ConnectionSettings(fingerprint=text).fingerprint == text.strip()


@pytest.mark.parametrize("text", ["sha256:", FINGERPRINT[:-1], FINGERPRINT + "A", "md5:" + "a" * 32, "a b"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fingerprint"):
        parse_fingerprint(text)
    with pytest.raises(ValueError, match="fingerprint"):
        Settings.model_validate({"connection": {"fingerprint": text}})


def test_a_code_carries_the_fingerprint_and_is_refused_where_it_was_cut() -> None:
    joined = join_code("ABCDE-FGHJK", FINGERPRINT)
    assert split_code(f" {joined}\n") == ("ABCDE-FGHJK", FINGERPRINT)
    assert split_code(join_code("ABCDE-FGHJK", "")) == ("ABCDE-FGHJK", "")
    with pytest.raises(ValueError, match="fingerprint"):
        split_code(joined[:-1])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
def test_plain_http_stays_on_this_machine(host: str) -> None:
    check_plain_http(host, allowed=False, remedy="")


@pytest.mark.parametrize(
    "host",
    ["backup.example.org", "192.0.2.1", "0.0.0.0", "::", "localhost.example.org", "127.1", "2130706433"],
)
def test_plain_http_to_another_machine_has_to_be_allowed(host: str) -> None:
    with pytest.raises(InsecureAddress, match="in the clear") as refused:
        check_plain_http(host, allowed=False, remedy="Say so.")
    assert refused.value.exit_code == 2
    check_plain_http(host, allowed=True, remedy="")


def key_of(file: Path) -> bytes:
    key = x509.load_pem_x509_certificate(file.read_bytes()).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_the_servers_own_certificate_is_private_names_the_machine_and_serves(tmp_path: Path) -> None:
    chain, key = own_certificate(tmp_path / "tls", "backup.example.org")
    assert {file.stat().st_mode & 0o777 for file in (chain, key)} == {0o600}
    made = x509.load_pem_x509_certificate(chain.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "backup.example.org"} <= set(names.get_values_for_type(x509.DNSName))
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    assert made.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3000)
    tls_context(chain, key)
    digest = base64.urlsafe_b64encode(hashlib.sha256(key_of(chain)).digest()).decode().rstrip("=")
    assert pinned_fingerprint(chain) == f"sha256:{digest}"
    before = chain.read_bytes()
    own_certificate(tmp_path / "tls", "backup.example.org")
    assert chain.read_bytes() == before


def test_a_renewed_certificate_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(certificate, "VALID", timedelta(days=80))
        chain, _ = own_certificate(tmp_path / "tls", "::")
    before, pinned = chain.read_bytes(), pinned_fingerprint(chain)
    own_certificate(tmp_path / "tls", "::")
    renewed = chain.read_bytes()
    assert renewed != before
    own_certificate(tmp_path / "tls", "backup.example.org")  # another name
    assert chain.read_bytes() != renewed
    assert pinned_fingerprint(chain) == pinned
    chain.write_text("damaged")
    own_certificate(tmp_path / "tls", "::")
    assert pinned_fingerprint(chain) == pinned


def test_a_damaged_key_is_never_replaced_unasked(tmp_path: Path) -> None:
    _, key = own_certificate(tmp_path / "tls", "::")
    key.write_text("damaged")
    with pytest.raises(BadCertificate, match="cannot be read"):
        own_certificate(tmp_path / "tls", "::")
    assert key.read_text() == "damaged"


def test_the_fingerprint_is_noted_for_this_machine_and_taken_back(tmp_path: Path) -> None:
    assert noted_fingerprint(tmp_path) == ""
    note_fingerprint(tmp_path, FINGERPRINT)
    assert noted_fingerprint(tmp_path) == FINGERPRINT
    note_fingerprint(tmp_path, "")
    assert noted_fingerprint(tmp_path) == ""


@pytest.mark.parametrize(
    ("host", "insecure", "expected"),
    [
        ("127.0.0.1", False, None),
        ("localhost", False, None),
        ("0.0.0.0", False, OWN_TLS),
        ("::", False, OWN_TLS),
        ("backup.example.org", False, OWN_TLS),
        ("0.0.0.0", True, None),
    ],
)
def test_a_server_beyond_loopback_speaks_tls_unless_plain_http_is_asked_for(
    host: str, insecure: bool, expected: ServedTls | None
) -> None:
    assert _served_tls(ServerSettings(host=host, insecure_http=insecure), None, None) is expected


def test_a_given_certificate_is_pinned_only_where_no_authority_vouches_for_it(tmp_path: Path) -> None:
    own, key = own_certificate(tmp_path / "tls", "::")
    served = _served_tls(ServerSettings(), own, key)
    assert served is not None and served.fingerprint == pinned_fingerprint(own) != ""
    issued = tmp_path / "issued.pem"
    trustme.CA().issue_cert("backup.example.org").private_key_and_cert_chain_pem.write_to_path(issued)
    served = _served_tls(ServerSettings(), issued, None)
    assert served is not None and served.fingerprint == "" and served.context is not None
