"""Enrolment: a single-use code becomes a client with its token."""

import base64
import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Select, delete, select, update

from app.catalogue.access_schema import enrolments, tokens
from app.catalogue.audit_note import AuditNote
from app.catalogue.audit_rows import note_in
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.clients import change
from app.catalogue.errors import BadQuery, CodeExpired, CodeUsed, LimitReached, WrongCode
from app.catalogue.revision import new_revision
from app.catalogue.rows import CLIENT_COLUMNS, client_of
from app.catalogue.schema import clients
from app.catalogue.times import to_us
from app.catalogue.tokens import AGENT_ONLY, PREFIX, TokenInfo, Tokens, hash_of, issue_in, let_in, revoke_in
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from app.wire.http import enrol_command
from streams.model.base import Record
from streams.model.clients import Client
from streams.model.vocabulary import ClientState, EventKind, Topic

DEFAULT_GOAL_S = 26 * 3600.0
"""A day and two hours: a daily backup that runs a little late is not a fault."""
NEW_CODE = f"Get a new one on the server with: {enrol_command()}."
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LONGEST_NAME = 200
MAX_CLIENTS = 10_000
"""So many are listed to every console at once."""
MAX_CODES = 10_000
"""Codes that may still be used."""
ENDED = 0
"""The end of a code whose end has been noted: whatever the clock says later, it has passed."""


class Enrolment(Record, frozen=True, kw_only=True):
    """A code with which one client of this name may enrol once."""

    code: str
    name: str
    expires_at: datetime


class Enrolments:
    """How clients become known."""

    def __init__(self, writer: Writer, tokens: Tokens) -> None:
        self._writer = writer
        self._tokens = tokens

    async def create(self, name: str, *, valid_s: float = 86400) -> Enrolment:
        """Make a code for a client of this name.

        Raises BadQuery for an empty or unprintable name, and LimitReached.
        """
        checked = _checked(name)
        groups = ("".join(secrets.choice(CODE_ALPHABET) for _ in range(5)) for _ in range(4))
        code = "-".join(groups)

        def work(transaction: Transaction) -> Enrolment:
            expires_at = transaction.now + timedelta(seconds=valid_s)
            row = {
                "hash": hash_of(_plain(code)),
                "name": checked,
                "created_at": transaction.now_us,
                "expires_at": to_us(expires_at),
            }
            good = enrolments.c.used_at.is_(None) & (enrolments.c.expires_at > transaction.now_us)
            _check_limit(transaction, select(enrolments.c.hash).where(good), MAX_CODES, "unused codes")
            transaction.insert(enrolments, [row])
            return Enrolment(code=code, name=checked, expires_at=expires_at)

        return await self._writer.write(work)

    async def end_expired(self, at: datetime) -> None:
        """Let the codes that were over at a time be over for good, also where the clock is set back."""
        over = enrolments.c.used_at.is_(None) & (enrolments.c.expires_at > ENDED)

        def work(transaction: Transaction) -> None:
            expired = over & (enrolments.c.expires_at <= to_us(at))
            transaction.run(update(enrolments).where(expired).values(expires_at=ENDED))

        await self._writer.write(work)

    async def purge(self, older_than: datetime) -> int:
        """Forget codes from before a time that have been used or have expired; return how many."""

        def step(transaction: Transaction, most: int) -> int:
            over = enrolments.c.used_at.is_not(None) | (enrolments.c.expires_at <= transaction.now_us)
            old = (
                select(enrolments.c.hash).where(over, enrolments.c.created_at < to_us(older_than)).limit(most)
            )
            return transaction.run(delete(enrolments).where(enrolments.c.hash.in_(old))).rowcount

        return await in_steps(self._writer, step, flow=MAINTENANCE)

    async def redeem(
        self,
        name: str,
        code: str,
        platform: str,
        agent_version: str,
        *,
        machine_key: str = "",
        row: AuditNote | None = None,
    ) -> tuple[Client, str]:
        """Use a code: return the client and its token.

        A client that is enrolled again keeps its id; its old tokens stop being good, and so do all other
        codes of its name. The answer may be lost
        on its way: it is given again to the ``machine_key`` that the code was used with, until the code
        expires or the token is revoked. A ``row`` is appended to the audit record in the same write. Raises
        WrongCode, CodeUsed, CodeExpired or LimitReached.
        """
        key = hash_of(_plain(code))
        chosen = _token_of(_plain(code), machine_key) if machine_key else None

        def note_client(transaction: Transaction, client: Client) -> None:
            if row is not None:
                note_in(transaction, [replace(row, who=f"client {client.name}", client_id=client.id)])

        def work(transaction: Transaction) -> tuple[Client, str, list[TokenInfo], list[bytes]]:
            rows = transaction.all(select(enrolments).where(enrolments.c.hash == key))
            if not rows or rows[0].name != name.strip():
                raise WrongCode(
                    f"That is no enrolment code for {name}.",
                    hint=f"Check the name and the code. {NEW_CODE}",
                )
            lives = rows[0].expires_at > transaction.now_us
            if rows[0].used_at is not None:
                if lives and chosen and (client := _enrolled_with(transaction, chosen)):
                    note_client(transaction, client)
                    return client, chosen, [], [key]
                raise CodeUsed("That enrolment code has been used: each works once.", hint=NEW_CODE)
            if not lives:
                raise CodeExpired("That enrolment code has expired.", hint=NEW_CODE)
            transaction.run(
                update(enrolments).where(enrolments.c.hash == key).values(used_at=transaction.now_us)
            )
            # One that was made before there was this client must not open it to somebody else later.
            others = (enrolments.c.name == rows[0].name) & enrolments.c.used_at.is_(None)
            codes = [key, *(each.hash for each in transaction.all(select(enrolments.c.hash).where(others)))]
            transaction.run(update(enrolments).where(others).values(expires_at=ENDED))
            no, client, revoked = _client(transaction, rows[0].name, platform, agent_version)
            note_client(transaction, client)
            token = issue_in(transaction, AGENT_ONLY, no, rows[0].name, chosen=chosen)
            transaction.emit(
                EventKind.CLIENT_ENROLLED, Topic.CLIENTS, client=client, told=Told(), client_no=no
            )
            return client, token, revoked, codes

        client, token, revoked, codes = await self._writer.write(work)
        await self._tokens.ended(revoked, codes)
        return client, token


def _token_of(code: str, machine_key: str) -> str:
    """Return the token that a code and the key of a machine make: the same again, and known to no other."""
    digest = hmac.digest(machine_key.encode(), f"tidewatch enrolment {code}".encode(), "sha256")
    return f"{PREFIX}{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _enrolled_with(transaction: Transaction, token: str) -> Client | None:
    """Return the client of a token that is good still."""
    mine = (
        select(*CLIENT_COLUMNS)
        .join(tokens, tokens.c.client_no == clients.c.no)
        .where(tokens.c.hash == hash_of(token), tokens.c.revoked_at.is_(None))
    )
    rows = transaction.all(mine)
    return client_of(rows[0]) if rows else None


def _client(
    transaction: Transaction, name: str, platform: str, agent_version: str
) -> tuple[int, Client, list[TokenInfo]]:
    known = transaction.all(select(*CLIENT_COLUMNS).where(clients.c.name == name))
    if known:
        revoked = revoke_in(transaction, tokens.c.client_no == known[0].no)
        told = {"platform": platform, "agent_version": agent_version}
        client = change(transaction, known[0].no, **told, **let_in(known[0]))
        return known[0].no, client, revoked
    _check_limit(transaction, select(clients.c.no), MAX_CLIENTS, "clients")
    no = transaction.numbers("clients")
    row = {
        "no": no,
        "id": uuid.uuid4().hex,
        "name": name,
        "state": ClientState.NEVER.value,
        "created_at": transaction.now_us,
        "goal_s": DEFAULT_GOAL_S,
        "platform": platform,
        "agent_version": agent_version,
        "revision": new_revision(),
    }
    transaction.insert(clients, [row])
    added = transaction.all(select(*CLIENT_COLUMNS).where(clients.c.no == no))
    return no, client_of(added[0]), []


def _check_limit(transaction: Transaction, kept: Select[Any], most: int, what: str) -> None:
    if len(transaction.all(kept.limit(most))) == most:
        raise LimitReached(f"There are {most:,} {what}, and no more are kept.")


def _plain(code: str) -> str:
    """A code as typed by a person: case, blanks and hyphens do not matter."""
    return "".join(code.split()).replace("-", "").upper()


def _checked(name: str) -> str:
    trimmed = name.strip()
    if not trimmed or len(trimmed) > LONGEST_NAME or not trimmed.isprintable():
        raise BadQuery(
            f"{name!r} cannot be the name of a client.",
            hint=f"Use 1 to {LONGEST_NAME} printable characters.",
        )
    return trimmed
