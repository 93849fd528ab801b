"""Answers with an element that cannot be read: it costs itself, and the list is shown without it."""

from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import structlog

from streams.model.base import Record
from streams.model.events import (
    DatabaseFrame,
    Event,
    LogFrame,
    ProgressFrame,
    ServerFrame,
    StatusFrame,
    TransferFrame,
)

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

OPTIONAL_FRAMES: tuple[type[Record], ...] = (
    DatabaseFrame,
    Event,
    LogFrame,
    ProgressFrame,
    StatusFrame,
    TransferFrame,
)
"""Frames without which the connection goes on; what else the server says has to be understood."""


def salvaged(body: bytes | str, kind: type[T], where: str) -> T:
    """Return an answer without those elements of its lists that cannot be read, which are counted and logged.

    Raises ``msgspec.ValidationError`` where it cannot be read without them either.
    """
    raw, lost = _without_bad(msgspec.json.decode(body), kind)
    value = msgspec.convert(raw, kind)
    if lost:
        log.warning("unreadable_records", where=where, count=len(lost), reason=lost[0])
    return value


def salvaged_frame(body: bytes | str, where: str) -> ServerFrame | None:
    """Return a frame without what cannot be read of it; None for one that can be done without.

    Raises ``msgspec.ValidationError`` for any other.
    """
    raw = msgspec.json.decode(body)
    tag = raw.get("type") if isinstance(raw, dict) else None
    for kind in OPTIONAL_FRAMES:
        if kind.__struct_config__.tag == tag:
            try:
                return salvaged(body, kind, where)  # pyright: ignore[reportReturnType]
            except msgspec.ValidationError as error:
                log.warning("unreadable_frame", where=where, type=tag, reason=str(error))
                return None
    return msgspec.convert(raw, ServerFrame)


def _without_bad(raw: Any, kind: Any) -> tuple[Any, list[str]]:
    """Return ``raw`` without list elements that are no records of their kind, and why each is not."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(raw, list) and origin in (list, tuple) and arguments:
        kept: list[Any] = []
        lost: list[str] = []
        for element in raw:
            try:
                msgspec.convert(element, arguments[0])
            except msgspec.ValidationError as error:
                lost.append(str(error))
            else:
                kept.append(element)
        return kept, lost
    if isinstance(raw, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        whole: dict[str, Any] = dict(raw)
        lost = []
        for name, hint in get_type_hints(kind, include_extras=False).items():
            if name in whole and get_origin(hint) in (list, tuple):
                whole[name], gone = _without_bad(whole[name], hint)
                lost += gone
        return whole, lost
    return raw, []
