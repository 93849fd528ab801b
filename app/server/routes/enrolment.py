"""Routes by which a client becomes one of ours."""

from aiohttp import web

from app.protocol import EnrolmentReply, EnrolmentRequest, EnrolReply, EnrolRequest
from app.server.call import Route
from app.server.problems import Refused
from app.server.room import Room
from streams.failures import TidewatchError
from streams.vocabulary import Scope

NAME_LENGTH = 100


async def create(room: Room, body: EnrolmentRequest) -> EnrolmentReply:
    """Return a single-use code with which a client of this name may enrol.

    POST /api/enrolments: 200.
    """
    enrolment = await room.catalogue.enrolments.create(client_name(body.name))
    return EnrolmentReply(code=enrolment.code, name=enrolment.name, expires_at=enrolment.expires_at)


async def redeem(room: Room, request: web.Request, body: EnrolRequest) -> EnrolReply:
    """Make the caller a client: its id and its token for a name and the code that was made for it.

    POST /api/enrol: 200, 403 wrong_code, code_used or code_expired, 429 too_many_attempts; without a token.
    """
    room.attempts.allow(request.remote or "")
    try:
        client, token = await room.catalogue.enrolments.redeem(
            body.name.strip(), body.code.strip(), body.platform[:100], body.agent_version[:100]
        )
    except TidewatchError:
        room.attempts.note_failure(request.remote or "")
        raise
    return EnrolReply(client_id=client.id, token=token)


def client_name(name: str) -> str:
    """Return a client's name as it is kept; raises ``Refused`` for one that nobody could read or type."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise Refused("bad_request", f"A name has 1 to {NAME_LENGTH} characters that can be read.")
    return name


ENROLMENT = (
    Route("POST", "/api/enrolments", create, Scope.OPERATE),
    Route(
        "POST",
        "/api/enrol",
        redeem,
        None,
        ("wrong_code", "code_used", "code_expired", "too_many_attempts"),
    ),
)
