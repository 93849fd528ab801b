"""Keys of the console that a browser would otherwise keep for itself: for its search, help, address line."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SCRIPT: Final = b"""<script>
addEventListener("keydown", function (event) {
  var held = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (event.key === "F1" || (held && ["k", "f", ","].indexOf(event.key.toLowerCase()) >= 0)) {
    event.preventDefault();
  }
}, true);
</script>
"""
"""Stops what the browser does with the key; the page gets it all the same."""
_END_OF_HEAD: Final = b"</head>"


class KeyKeeper:
    """Puts the script into every page that passes."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Hand the request on; a page that comes back has the script."""
        await self._app(scope, receive, _Rewriter(send).send if scope["type"] == "http" else send)


class _Rewriter:
    """Holds a page back until it is whole; anything else passes as it comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(_END_OF_HEAD, SCRIPT + _END_OF_HEAD, 1)
        headers = [pair for pair in start["headers"] if pair[0].lower() not in (b"content-length", b"etag")]
        if self._body:  # the answer to HEAD keeps none
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and any(kind.startswith(b"text/html") for kind in kinds)
