"""Rows of the audit record for calls of the HTTP API: by whom, about which things, with which result."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from app.catalogue.audit_note import AuditNote
from app.catalogue.tokens import TokenInfo
from app.server.client_registry import Roster
from app.server.problems import Refused
from streams.model.failures import TidewatchError
from streams.model.outcome import Outcome
from streams.model.vocabulary import AuditAction

NAMED = 5
"""How many things a row names; the others are counted."""
DETAIL = web.RequestKey("audit_detail", str)
"""What a handler adds to the row of its call."""
ORDER = web.RequestKey("audit_order", AuditNote)
"""What a call is noted as, before its result is known; for a handler that writes its rows itself."""
NOTED = web.RequestKey("audit_noted", bool)
"""Set by a handler whose row becomes durable together with its effect; only its failure is noted for it."""


def note_of(
    action: AuditAction, who: str, address: str, arguments: Mapping[str, Any], roster: Roster
) -> AuditNote:
    """Return the row of a call before its result is known."""
    client_id = arguments.get("client_id")
    return AuditNote(
        action=action,
        who=who,
        address=address,
        target=_target(arguments, roster),
        client_id=client_id if client_id is not None and roster.get(client_id) is not None else None,
    )


def with_result(request: web.Request, note: AuditNote, reply: Any) -> AuditNote:
    """Return the row of a call that was answered."""
    detail = request.get(DETAIL, "")
    if isinstance(reply, Outcome):
        counts = {"done": reply.done, "queued": reply.queued, "refused": reply.refused}
        detail = ", ".join(f"{len(ids)} {word}" for word, ids in counts.items() if ids) or "nothing done"
    return replace(note, detail=detail)


def with_failure(note: AuditNote, error: BaseException) -> AuditNote:
    """Return the row of a call that was refused or failed."""
    match error:
        case Refused(problem=problem):
            return replace(note, result=f"refused: {problem.code}", detail=problem.message)
        case TidewatchError(code=code, message=message):
            return replace(note, result=f"refused: {code}", detail=message)
        case asyncio.CancelledError():
            return replace(note, result="failed: broken off", detail="The server ended meanwhile.")
        case _:
            return replace(note, result=f"failed: {type(error).__name__}")


def wrong_token(request: web.Request, address: str) -> AuditNote:
    """Return the row of a request whose token is not good."""
    return AuditNote(
        action=AuditAction.WRONG_TOKEN,
        address=address,
        target=f"{request.method} {request.path}",
        result="refused: wrong_token",
    )


def forbidden(request: web.Request, address: str, who: str, token: TokenInfo) -> AuditNote:
    """Return the row of a request that its token does not allow."""
    return AuditNote(
        action=AuditAction.FORBIDDEN,
        who=who,
        address=address,
        target=f"{request.method} {request.path}",
        client_id=token.client_id,
        result="refused: forbidden",
    )


def _target(arguments: Mapping[str, Any], roster: Roster) -> str:
    """Return in words which things a call is about, from its path and its body."""
    parts: list[str] = []
    for name, value in arguments.items():
        match name:
            case "client_id":
                parts.append(f"client {roster.name(value)}")
            case "run_id" | "file_id" | "version_id" | "token_id":
                parts.append(f"{name.removesuffix('_id')} {value}")
            case "body":
                parts += _of_body(value, roster)
            case _:
                pass
    return ", ".join(parts)


def _of_body(body: Any, roster: Roster) -> list[str]:
    parts: list[str] = []
    for field in body.__struct_fields__:
        value = getattr(body, field)
        match field:
            case "client_ids":
                named = None if value is None else [roster.name(client_id) for client_id in value]
                parts.append("all clients" if named is None else _counted("client", named))
            case "file_ids":
                parts.append(_counted("file", [str(file_id) for file_id in value]))
            case "name":
                parts.append(str(value))
            case "changes":
                parts += [edit.name for edit in value[:NAMED]]
            case "goal_s" | "timeout_s":
                parts += [] if value is None else [f"{field} {value:g}"]
            case "quota_bytes":
                parts.append("its quota is that of the settings" if value is None else f"{field} {value}")
            case "scopes":
                parts.append(f"scopes {','.join(value)}")
            case "days":
                parts.append("no end" if value is None else f"for {value:g} days")
            case _:
                pass
    return parts


def _counted(word: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{word}{'s' if len(names) != 1 else ''} {shown}{more}" if names else f"no {word}"
