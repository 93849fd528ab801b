"""The link between a page and its client program, mended where Flet 1.0 breaks it.

Flet ends the link of a page whenever a message cannot be dealt with. The client connects again and gets the
whole page; what these do is that nothing is lost on the way, and that a harmless message is no reason.
"""

from collections.abc import Callable
from typing import Any

from flet.messaging.session import Session
from flet_web.fastapi.flet_app import FletApp
from flet_web.fastapi.flet_app_manager import app_manager

Method = Callable[..., Any]
"""A method of Flet, or what stands in for it."""


def mend_session() -> None:
    """Take the answer to a call of a control that has gone meanwhile.

    Flet raises there, which ends the link: a field that is focused and taken away in the same moment would
    cost the whole page its connection.
    """

    def handle_results(self: Any, control_id: int, call_id: str, result: Any, error: str | None) -> None:
        del control_id
        waiting = self._Session__method_calls.pop(call_id, None)
        if waiting is not None:
            self._Session__method_call_results[waiting] = (result, error)
            waiting.set()

    Session.handle_invoke_method_results = handle_results


def mend_sending() -> None:
    """Drop what is sent in the moment in which the socket has just closed.

    Flet raises there, in the middle of an update: what that has added would never learn that it is mounted,
    and would stand still for ever. The client gets all of the page when it connects again.
    """

    def mended(original: Method) -> Method:
        def send_message(self: Any, message: Any) -> None:
            if self._FletApp__send_queue is not None:
                original(self, message)

        return send_message

    mend(FletApp, "send_message", mended)


def mend_disconnect() -> None:
    """Have Flet notice every browser that leaves.

    It skips its own clean-up when a send fails because the socket has just closed: the session then lives on
    for ever, and its updates pile up in memory.
    """

    def mended(original: Method) -> Method:
        async def handle(self: Any, websocket: Any) -> None:
            try:
                await original(self, websocket)
            except Exception:
                session = self._FletApp__session
                if session is None:
                    raise
                if session.connection is self:  # otherwise the page has come back by another socket already
                    await app_manager.disconnect_session(
                        self._FletApp__get_unique_session_id(session.id),
                        self._FletApp__session_timeout_seconds,
                    )

        return handle

    mend(FletApp, "handle", mended)


def mend(owner: type[Any], name: str, mended: Callable[[Method], Method]) -> None:
    """Put what ``mended`` makes of a method in its place, once."""
    original: Any = getattr(owner, name)
    if not getattr(original, "mended", False):
        replacement: Any = mended(original)
        replacement.mended = True
        setattr(owner, name, replacement)
