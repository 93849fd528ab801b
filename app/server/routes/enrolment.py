"""Routes by which a client becomes one of ours."""

from aiohttp import web
from msgspec.structs import replace

from app.catalogue.audit_note import AuditNote
from app.catalogue.tokens import TokenInfo
from app.server.dispatch import Route
from app.server.peers import network_of
from app.server.problems import Refused
from app.server.services import Room
from app.wire.http import EnrolmentReply, EnrolmentRequest, EnrolReply, EnrolRequest
from app.wire.tls import join_code
from streams.model.failures import TidewatchError
from streams.model.vocabulary import AuditAction, Scope

NAME_LENGTH = 100


async def create(room: Room, token: TokenInfo, body: EnrolmentRequest) -> EnrolmentReply:
    """Return a single-use code with which a client of this name may enrol.

    POST /api/enrolments: 200, 403 forbidden, 409 limit_reached. A code for a client that there is gives its
    files to whoever redeems it: that takes the scope restore too.
    """
    name = client_name(body.name)
    if not token.allows(Scope.RESTORE) and await room.catalogue.clients.by_name(name) is not None:
        raise Refused(
            "forbidden",
            f"{name} is enrolled; a code for it takes a token with the scope {Scope.RESTORE}.",
            detail="Whoever enrols as a client can read all that is kept of it.",
        )
    enrolment = await room.catalogue.enrolments.create(name)
    code = join_code(enrolment.code, room.fingerprint)
    return EnrolmentReply(code=code, name=enrolment.name, expires_at=enrolment.expires_at)


async def redeem(room: Room, request: web.Request, body: EnrolRequest) -> EnrolReply:
    """Make the caller a client: its id and its token for a name and the code that was made for it.

    POST /api/enrol: 200, 403 wrong_code, code_used or code_expired, 409 limit_reached,
    429 too_many_attempts; without a token. The same again with the same ``key`` gets the same answer.
    """
    name, peer = body.name.strip(), room.peers.address(request)
    keys = (f"address {network_of(peer)}", f"name {name[:NAME_LENGTH]}")
    note = AuditNote(action=AuditAction.ENROLMENT, address=peer, target=f"client {name}")
    room.door.delaying(request, delayed=True)
    try:
        await room.code_guesses.wait(*keys)
    finally:
        room.door.delaying(request, delayed=False)
    try:
        client, token = await room.catalogue.enrolments.redeem(
            name,
            body.code.strip().partition(".")[0],
            body.platform[:100],
            body.agent_version[:100],
            machine_key=body.key,
            row=note,
        )
    except TidewatchError as error:
        wrong = replace(note, action=AuditAction.WRONG_CODE, result=f"refused: {error.code}")
        room.audit.gather(wrong, network_of(peer))
        raise room.code_guesses.note_failure(*keys) or error from None
    return EnrolReply(client_id=client.id, token=token)


def client_name(name: str) -> str:
    """Return a client's name as it is kept; raises ``Refused`` for one that nobody could read or type."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise Refused("bad_request", f"A name has 1 to {NAME_LENGTH} characters that can be read.")
    return name


ENROLMENT = (
    Route(
        "POST", "/api/enrolments", create, Scope.OPERATE, ("limit_reached",), audit=AuditAction.ENROLMENT_CODE
    ),
    Route(
        "POST",
        "/api/enrol",
        redeem,
        None,
        ("wrong_code", "code_used", "code_expired", "limit_reached", "too_many_attempts"),
    ),
)
