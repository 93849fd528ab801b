"""Recognises columns that hold secrets, by their names and by their origin.

Only names decide, never values: a table that is empty today may be full tomorrow, and two consoles that look
at different moments must hide the same. A column that is generated from a secret one is secret too.
"""

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from streams.model.database import TableKind

OWN_SECRETS = frozenset({("tokens", "hash"), ("enrolments", "hash")})
"""Of Tidewatch's own catalogue."""


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


_ACCOUNTS = "user|login|db|database|mail|email|smtp|imap|pop3?|ftp|http|admin|root|wi_?fi|wlan|sudo|proxy"
_TOKENS = "access|refresh|auth|bearer|api|session|oauth|push|device|csrf|xsrf|reset|remember|verification"
_KEYS = (
    "private|priv|api|access|signing|encryption|master|session|ssh|licen[cs]e|auth|client|shared|storage|secret"
    "|activation|reset|confirmation|webhook|deploy|ssl|tls|rsa|dsa|ecdsa|ed25519|aes|hmac|gpg|pgp|crypto|cipher"
    "|symmetric|root|wrapped|wrapping|unlock|recovery|backup|data_encryption"
)
_CODES = (
    "recovery|backup|auth|verification|verify|reset|invite|invitation|enrol(?:l?ment)?|activation|magic|pin|code"
    "|access|security|login|sms|lock|unlock|confirm(?:ation)?|one_?time|mfa|2_?fa|tfa|two_?factor|otp"
)
_SHORT = (
    r"pass\d*|pw|psw|passwd|mdp|jwt|t?otp|hotp|cvv2?|cvc2?|csrf|xsrf|cookies?|bearer|salt|nonce|mnemonic|pin|psk"
    r"|puk"
)
_IN_OTHER_TONGUES = (
    "kennwort|geheim|contrasen|mot_?de_?passe|wachtwoord|parola|heslo|haslo|hasło|losenord|passord|adgangskode"
    "|salasana|jelszo|sifre|lozinka|парол|密码|密碼|口令|パスワード|暗証番号|비밀번호"
)
_SECRET = re.compile(
    r"secret(?!ar)|passw|pass_word|passphrase|passcode|pass_?(?:key|hash|md5|sha\d*)|passwrd|pswd|pword|pwd|pw_?hash"
    rf"|credential|encrypted_|_encrypted$|(?:^|_)(?:{_SHORT})(?:_|$)|(?:^|_)(?:{_ACCOUNTS})_?(?:pass|pw)(?:_|$)"
    rf"|(?:{_KEYS})_?key|(?:{_CODES})_?(?:code|hash|link)|t?otp_?(?:seed|secret)|seed_?(?:phrase|words?)|xpri?v"
    r"|(?:^|_)token(?:_?(?:hash|value|digest|secret|data|blob|enc|text|string|md5|sha\d*))?$"
    rf"|(?:{_TOKENS})_?tokens?$|(?:^|_)authorization$|bcrypt|argon2|scrypt|pbkdf2|cipher_?text"
    rf"|(?:^|_)senha(?:_|$)|{_without_accents(_IN_OTHER_TONGUES)}",
)
_ABOUT_SECRET = re.compile(
    r"_(?:at|on|url|uri|element|label|type|kind|count|length|len|policy|expires|expiry|expires_in|algorithm|algo"
    r"|scheme|version|set|enabled|required|changed?|age|days|status|state|field|name|id|no|date|time|ts|timestamp"
    r"|used|attempts|failures|tries|rounds|iterations|cost)$"
    r"|^(?:has|is|num|n|min|max|must|can|use|uses|requires)_"
)
"""Columns that say something about a secret, such as the name of the field it is typed into."""
_SECRET_UNLESS_NUMBER = re.compile(
    r"session_?(?:id|data)$|sess_?id$|(?:^|_)sid$|^(?:auth|encrypted|cipher|seed|private|wif)$|_seed$|verifier$"
    r"|(?:^|_)auth_(?:data|string|header|value|info|blob)$|private_?pem$"
)
"""A number of such a name only refers to a session, or says whether something is so."""
_PERHAPS_SECRET = re.compile(
    r"^(?:key|keys|hash|digest|value|val|data|code|token|tokens|identifier|blob|content|payload|material|private)$"
)
"""Names that stand for a secret in a table of secrets, and for anything else elsewhere."""
_TABLE_OF_SECRETS = re.compile(
    r"token|secret|credential|passw|cookie|session|enrol|invit|api_?key|(?:^|_)keys?$|keyring|vault|login|otp"
    r"|(?:^|_)auth(?:_|$)|oauth|wallet|ciphers?(?:_|$)|(?:^|_)(?:2_?fa|mfa)(?:_|$)|authenticator|jwt"
)
_WEAK_TABLE = re.compile(r"(?:^|_)(?:users?|accounts?|members?)$")
_ALSO_OF_USERS = frozenset({"hash", "digest", "token", "tokens", "key", "keys"})
_COUNTING_TYPE = re.compile(r"INT|REAL|FLOA|DOUB|NUM|DEC", re.IGNORECASE)
_TIME_TYPE = re.compile(r"BOOL|DATE|TIME", re.IGNORECASE)
_STORAGE = frozenset({"block", "term", "root"})
"""Columns in which a full-text index keeps words."""
_CONTENT = re.compile(r"c(\d+)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Columns = Mapping[str, list[tuple[Any, ...]]]
"""What ``PRAGMA table_xinfo`` says of each table."""
Secrets = frozenset[tuple[str, str]]


def is_secret(table: str, column: str, kind: str) -> bool:
    """Whether a column of this name and declared type holds secrets."""
    name, owner = _words(column), _words(table)
    if _TIME_TYPE.search(kind):
        return False
    if _SECRET_UNLESS_NUMBER.search(name):
        return not _COUNTING_TYPE.search(kind)
    if _SECRET.search(name):
        return not _ABOUT_SECRET.search(name)
    if not _PERHAPS_SECRET.search(name) or _COUNTING_TYPE.search(kind):
        return False
    return bool(_TABLE_OF_SECRETS.search(owner) or (_WEAK_TABLE.search(owner) and name in _ALSO_OF_USERS))


def _words(name: str) -> str:
    """Return a name in lower case with its words parted, whichever way it is written, and without accents."""
    return _without_accents(re.sub(r"[\s.\-]+", "_", _CAMEL.sub("_", name)).lower())


def find_secrets(
    kinds: Mapping[str, TableKind], columns: Columns, sql_of: Mapping[str, str], *, own: bool
) -> Secrets:
    """Return the secret columns of all tables, table and column in lower case.

    ``own`` says that it is a catalogue of Tidewatch, whose secrets are listed.
    """
    found: set[tuple[str, str]] = set(OWN_SECRETS) if own else set()
    for table, rows in columns.items():
        for _, column, kind, *_ in rows:
            if is_secret(table, column, kind or ""):
                found.add((table.lower(), column.lower()))
    owned = columns_by_table(found)
    for table, rows in columns.items():
        found |= _generated(table, rows, sql_of.get(table) or "", owned.get(table.lower(), set()))
    shadows = [name for name, kind in kinds.items() if kind is TableKind.SHADOW]
    for table, kind in kinds.items():
        if kind is TableKind.VIRTUAL:
            found |= _stored(table, shadows, columns, found)
    return frozenset(found)


def columns_by_table(secrets: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the secret columns of each table that has some."""
    found: dict[str, set[str]] = {}
    for table, column in secrets:
        found.setdefault(table, set()).add(column)
    return found


def _generated(table: str, rows: list[tuple[Any, ...]], sql: str, own: set[str]) -> set[tuple[str, str]]:
    """Return the generated columns of a table, if one of them is made of a secret column, which ``own`` are.

    The engine tells which columns are read when it takes in the CREATE statement, but not for which of the
    generated ones: so all of them are hidden then.
    """
    names = {(table.lower(), row[1].lower()) for row in rows if row[6] in (2, 3)}
    if not own or not names:
        return set()
    read = _read_by(sql)
    return names if read is None or own & read else set()


def _read_by(create: str) -> set[str] | None:
    """Return the columns that a CREATE TABLE itself reads, in lower case; None where that cannot be told."""
    read: set[str] = set()

    def listen(action: int, _table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and column is not None:
            read.add(column.lower())
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as empty:
        empty.set_authorizer(listen)
        try:
            empty.execute(create)
        except (sqlite3.Error, sqlite3.Warning):
            return None  # such as for a function that only the program that wrote it has
    return read


def _stored(
    table: str, shadows: Sequence[str], columns: Columns, secrets: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return where a virtual table with a secret column keeps it: its content, and its index in words."""
    own = [at for at, row in enumerate(columns.get(table, ())) if (table.lower(), row[1].lower()) in secrets]
    if not own:
        return set()
    found: set[tuple[str, str]] = set()
    for shadow in shadows:
        if not shadow.lower().startswith(f"{table.lower()}_"):
            continue
        for _, column, *_ in columns[shadow]:
            content = _CONTENT.match(column)
            if column.lower() in _STORAGE or (content is not None and int(content[1]) in own):
                found.add((shadow.lower(), column.lower()))
    return found
