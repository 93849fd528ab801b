"""The agent's identity at its server, given at enrolment and kept for its owner only."""

import os
import platform
import secrets
from pathlib import Path

import msgspec

from app.agent.address import Address
from app.agent.api import Api
from app.agent.failures import Refusal
from app.agent.names import reason_of
from app.runtime.private_folder import make_private, write_private
from app.runtime.version import VERSION
from app.wire.http import EnrolReply, EnrolRequest
from app.wire.limits import EnrolmentKey
from streams.model.clients import Client
from streams.model.failures import CommandFailed, ConfigRejected

FILE_NAME = "identity.json"
KEY_FILE = "enrolment.key"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows this agent by."""

    client_id: str
    token: str
    server: str
    name: str
    fingerprint: str = ""
    """SHA-256 of the server's public key, from the enrolment code; empty where it had none."""
    server_id: str = ""
    """What the server is known by wherever it moves; empty where it had no such name yet."""


def prepare_folder(folder: Path) -> None:
    """Make the state folder, readable by its owner only; raise ``ConfigRejected`` where it cannot be used."""
    hint = "Give another folder with --state."
    try:
        make_private(folder, files=(f"{FILE_NAME}*", f"{KEY_FILE}*", "index.db*", "lock"))
    except OSError as error:
        raise ConfigRejected(f"{folder}: cannot be made: {reason_of(error)}.", hint=hint) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigRejected(f"{folder}: cannot be written.", hint=hint)


def load_identity(folder: Path) -> Identity | None:
    """Return the identity kept in ``folder``; None at the first run."""
    path = folder / FILE_NAME
    hint = "Remove the file and enrol again with --code."
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigRejected(f"{path}: cannot be read: {reason_of(error)}.", hint=hint) from None
    except msgspec.DecodeError as error:
        raise ConfigRejected(f"{path}: is damaged: {error}.", hint=hint) from None


def save_identity(folder: Path, identity: Identity) -> None:
    """Keep ``identity``, whole or not at all; the code that it was given for works only once."""
    try:
        write_private(folder / FILE_NAME, msgspec.json.encode(identity) + b"\n")
        (folder / KEY_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigRejected(f"{folder}: cannot be written: {reason_of(error)}.", hint="") from None


def enrolment_key(folder: Path) -> str:
    """Return the secret with which the answer to an enrolment is given again, should it be lost on its way.

    It is kept before the code is sent, until the identity is.
    """
    path = folder / KEY_FILE
    try:
        kept = path.read_text("ascii") if path.exists() else ""
        if msgspec.convert(kept, EnrolmentKey):
            return kept
    except (UnicodeDecodeError, msgspec.ValidationError):
        path.unlink()
    except OSError as error:
        raise ConfigRejected(f"{path}: cannot be read: {reason_of(error)}.", hint="") from None
    key = secrets.token_urlsafe(32)
    try:
        write_private(path, key.encode())
    except OSError as error:
        raise ConfigRejected(f"{folder}: cannot be written: {reason_of(error)}.", hint="") from None
    return key


async def enrol(address: Address, name: str, code: str, key: str, fingerprint: str = "") -> Identity:
    """Trade a single-use code for an identity, which keeps the ``fingerprint`` that ``address`` pins.

    With the same ``key`` it can be done again where the answer was lost.
    """
    request = EnrolRequest(
        name=name,
        code=code,
        key=key,
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        agent_version=VERSION,
    )
    async with Api(address) as api:
        health = await api.health()
        try:
            reply = await api.call("POST", "/api/enrol", EnrolReply, json=request)
        except Refusal as refusal:
            if not refusal.is_final:
                raise
            raise CommandFailed(
                f"{address} does not enrol {name!r}: {refusal.message}",
                code=refusal.server_code,
                hint=refusal.hint,
            ) from None
    return Identity(
        client_id=reply.client_id,
        token=reply.token,
        server=str(address),
        name=name,
        fingerprint=fingerprint,
        server_id=health.server_id,
    )


def check_name(identity: Identity, name: str, folder: Path) -> None:
    """Raise ``ConfigRejected`` where the command line speaks of another client than the folder."""
    if identity.name != name:
        raise ConfigRejected(
            f"{folder} belongs to the client {identity.name!r}, not to {name!r}.",
            hint="Give another folder with --state, or remove this one and enrol again with --code.",
        )


async def follow(identity: Identity, address: Address) -> Identity:
    """Return the identity at another address of its server; raise where another server is there.

    The token is sent only where a server of the same id answers, over TLS with the key that is pinned.
    """
    if identity.fingerprint and address.tls is None:
        raise ConfigRejected(
            f"The server of {identity.name!r} is known by its key, which plain HTTP does not show.",
            hint="Write https:// in --server.",
        )
    async with Api(address) as api:
        health = await api.health()
    if identity.server_id and health.server_id != identity.server_id:
        raise ConfigRejected(
            f"{address} is another server than {identity.server}, where this agent has enrolled.",
            hint="Check --server, or enrol there with --code and another --state.",
        )
    async with Api(address, identity.token) as api:
        client = await api.call("GET", "/api/agent/client", Client)
    if client.id != identity.client_id:
        raise ConfigRejected(
            f"{address} knows this agent as another client.", hint="Enrol there with --code."
        )
    return msgspec.structs.replace(identity, server=str(address), server_id=health.server_id)
