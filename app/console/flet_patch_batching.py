"""One message for all that changes on a page in one turn of the loop.

Flet 1.0 sends one for each control that is updated. Its client takes about as long to receive a message as to
change what it says, so that a burst of small ones keeps the next frame waiting. What is put together here is
what happens hundreds of times a second: properties that get another plain value. Everything else goes out as
it comes, after what was waiting.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Any

from flet.controls.base_control import BaseControl
from flet.controls.object_patch import ObjectPatch, Operation
from flet.messaging.protocol import Message, MessageAction, PatchControlBody
from flet.messaging.session import Session

from app.console.flet_session import Method, mend

Path = tuple[str | int, ...]
"""The way from the page to a control, by names of properties and places in lists."""

_PLAIN = float | Enum | None
_HALF_LETTER = re.compile("[\ud800-\udfff]")
"""What file names have in the place of bytes that are no text; no message can carry it."""


class Gathering:
    """The small patches of one session that wait for the end of the turn."""

    def __init__(self, session: Session, send: Callable[[Message], None]) -> None:
        self._session, self._send = session, send
        self._waiting: list[tuple[Message, Path]] = []
        self._paths: dict[int, Path | None] = {session.page._i: ()}
        """Where controls stand, as long as no message changes that."""
        self._link = session.connection

    def take(self, message: Message) -> None:
        """Send a message: at the end of the turn and with all others of it, if it is a small patch.

        Raises what sending raises, where the message is not put off.
        """
        self._note_link()
        path = self._path_to(message.body.id) if _is_small(message) else None
        if path is None:
            self._flush()
            self._send(message)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append((message, path))

    def _path_to(self, control_id: int) -> Path | None:
        control = self._session.index.get(control_id)
        return None if control is None else _path(control, self._paths)

    def _note_link(self) -> None:
        """Forget what waits if the page has got another link: with it the client has got the whole page."""
        if self._session.connection is not self._link:
            self._link = self._session.connection
            self._forget()

    def _forget(self) -> None:
        self._waiting, self._paths = [], {self._session.page._i: ()}

    def _flush(self) -> None:
        self._note_link()
        waiting = self._waiting
        self._forget()
        # A session that has ended may hold the link that the page after it has, and pages have the same id.
        if len(waiting) > 1 and not self._session.__dict__["_Session__closed"]:
            self._send(put_together(waiting, self._session.page._i))
            return
        for message, _ in waiting:
            self._send(message)


def put_together(patches: Iterable[tuple[Message, Path]], root_id: int) -> Message:
    """Return one message to the root that does what these do to the controls at the ends of the paths."""
    ops = [op for message, path in patches for op in _ops(message.body.patch, path)]
    patch: Any = ObjectPatch(ops).to_message()
    return Message(MessageAction.PATCH_CONTROL, PatchControlBody(root_id, patch))


def _is_small(message: Message) -> bool:
    """Whether a message does nothing but give properties of controls other plain values."""
    return message.action is MessageAction.PATCH_CONTROL and all(
        op[0] is Operation.Replace and isinstance(op[2], str) and _is_plain(op[3])
        for op in message.body.patch[1:]
    )


def _is_plain(value: Any) -> bool:
    """Whether a value cannot change any more, nor be the reason why a message with others cannot be sent."""
    if isinstance(value, str):
        return value.isascii() or _HALF_LETTER.search(value) is None
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, _PLAIN)


def _path(control: BaseControl, known: dict[int, Path | None]) -> Path | None:
    """Return where the client has a control; None where that cannot be told."""
    if control._i not in known:
        parent = control.parent
        above = None if parent is None else _path(parent, known)
        step = None if parent is None or above is None else _step(parent, control)
        known[control._i] = None if above is None or step is None else above + step
    return known[control._i]


def _step(parent: BaseControl, control: BaseControl) -> Path | None:
    """Return where the parent had a control when it was last sent: that is how the client has it."""
    for name, child in getattr(parent, "__prev_classes", {}).items():
        if child is control:
            return (name,)
    for name, children in getattr(parent, "__prev_lists", {}).items():
        for place, child in enumerate(children):
            if child is control:
                return (name, place)
    return None


def _ops(patch: Sequence[Any], above: Path) -> Iterable[dict[str, Any]]:
    """Return the operations of a patch as they are to somebody who looks from further above."""
    nodes = dict(_nodes(patch[0], above))
    return [{"op": "replace", "path": [*nodes[op[1]], op[2]], "value": op[3]} for op in patch[1:]]


def _nodes(tree: Sequence[Any], path: Path) -> Iterator[tuple[int, Path]]:
    yield tree[0], path
    for key, below in tree[1].items() if len(tree) > 1 else ():
        yield from _nodes(below, (*path, key))


def gather_patches() -> None:
    """Have every session put its small patches together."""

    def mended(original: Method) -> Method:
        def send_message(self: Any, message: Message) -> None:
            gathering: Gathering | None = self.__dict__.get("_gathering")
            if gathering is None:
                gathering = self._gathering = Gathering(self, partial(original, self))
            gathering.take(message)

        return send_message

    mend(Session, "_Session__send_message", mended)
