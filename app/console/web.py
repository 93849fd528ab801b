"""Web mode: the console in a browser on this machine, and for nobody else.

Listens on loopback only. All of it lies below a path that cannot be guessed; anything else is the same 404.
Host and Origin of every request must be ours, so that no other page in the same browser can open a session.
Nothing comes from a CDN, and the page may ask nothing of one.
"""

import asyncio
import errno
import logging
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import flet as ft
import uvicorn

from app.console.composition import ASSETS
from app.console.flet_patch_batching import gather_patches
from app.console.flet_session import mend_disconnect, mend_sending, mend_session
from app.console.front import Pages
from app.console.web_address import new_secret
from app.console.web_fonts import FallbackFonts
from app.console.web_handouts import GiveOut, Handouts
from app.console.web_page import PageScripts
from streams.model.failures import ConfigRejected

HOST = "127.0.0.1"
CLOSE_S = 0.3
"""How long browsers may take to say goodbye when the console ends."""
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob: {sockets}; frame-ancestors 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'none'"
)
"""What the page may do; the client program of Flet is compiled Dart and needs eval."""

NOT_SENT = frozenset({b"access-control-allow-origin", b"cross-origin-embedder-policy"})
"""Headers of Flet that do not leave: any page could read ours with the first.

With the second the client program draws in a thread of its own, whose text cache it shares with the layout
without a lock (flutter/flutter issue 190039): now and then letters were wrong or missing, or the page stood
still for good.
"""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


NOT_SERVED = re.compile(r"/(?:docs|redoc|openapi\.json|oauth_callback|upload)(?:/.*)?")
"""What Flet and FastAPI answer beside the page: descriptions that load scripts of a CDN, unused doors."""
NOT_FOUND = b"not found"


class SecretPath:
    """Lets requests through whose path begins with the secret, and answers 404 to all others.

    The answer is the same whatever was asked: it tells nobody what is served here.
    """

    def __init__(self, app: AsgiApp, secret: str) -> None:
        self._app, self._secret = app, secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer 404."""
        if scope["type"] not in ("http", "websocket") or self._serves(str(scope["path"])):
            await self._app(scope, receive, send)
        else:
            await _refuse(scope, receive, send, 404, NOT_FOUND)

    def _serves(self, path: str) -> bool:
        root, first, below = (*path.split("/", 2), "", "")[:3]
        known = secrets.compare_digest(first.encode(), self._secret)
        return not root and known and NOT_SERVED.fullmatch(f"/{below}") is None


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, body: bytes) -> None:
    """Answer a request, or the handshake of a socket, with ``status``."""
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http.response"
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


class OriginGuard:
    """Lets requests through only if they come from our own page, which may load nothing from elsewhere."""

    def __init__(self, app: AsgiApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in (HOST, "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}
        sockets = " ".join(f"ws://{host}" for host in sorted(self._hosts))
        self._headers = [
            (b"content-security-policy", POLICY.format(sockets=sockets).encode()),
            (b"x-frame-options", b"DENY"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or hand the request on."""
        if scope["type"] not in ("http", "websocket") or self._ours(scope):
            await self._app(scope, receive, self._guarded(send))
        else:
            await _refuse(scope, receive, send, 403, b"forbidden")

    def _guarded(self, send: Send) -> Send:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower() not in NOT_SENT]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        return sending

    def _ours(self, scope: Scope) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get(b"host") not in self._hosts:  # a foreign name that resolves to this machine
            return False
        origin = headers.get(b"origin")
        # A browser names the origin of every socket; a request that names none is no page of a browser.
        return origin in self._origins if origin is not None else scope["type"] == "http"


def _tells_no_refusal(record: logging.LogRecord) -> bool:
    """Return whether a line of uvicorn is none about an answer that ends as it is meant to.

    One that refuses a socket is taken for a handshake that was forgotten, and anybody on this machine can
    cause that; of a file that fails in its middle no end is sent, which is how the browser learns of it.
    """
    told = record.getMessage()
    return "without completing handshake" not in told and "without completing response" not in told


class _Server(uvicorn.Server):
    """A server that leaves the signals to the one who started it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(port: int | None) -> socket.socket:
    """Return a socket bound to loopback on ``port``, or on a free one; raise ConfigRejected if taken."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port or 0))
    except OSError as error:
        bound.close()
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise ConfigRejected(
            f"Port {port} {reason}.", hint="Choose another with --port or web.port."
        ) from None
    return bound


async def serve_web(
    pages: Pages,
    listening: socket.socket,
    opened: Callable[[str], Awaitable[None]],
    handouts: Handouts,
    *,
    secret: str | None = None,
) -> None:
    """Serve until cancelled; ``opened`` is told the address to open once it answers.

    ``secret`` is the part of the path without which nothing is served; without one there is a new one.
    """
    mend_session()
    gather_patches()
    mend_sending()
    mend_disconnect()
    port = listening.getsockname()[1]
    token = secret or new_secret()
    app: Any = ft.run(
        pages.open_page,
        before_main=pages.dress_page,
        name=token,
        assets_dir=str(ASSETS),
        # In a path, a name with a dot would be taken for a file; and what is behind # is never sent.
        route_url_strategy=ft.RouteUrlStrategy.HASH,
        no_cdn=True,
        export_asgi_app=True,
    )
    page = FallbackFonts(PageScripts(app), f"/{token}")
    server = _Server(
        uvicorn.Config(
            SecretPath(OriginGuard(GiveOut(page, f"/{token}", handouts), port), token),
            log_config=None,
            access_log=False,
            log_level="warning",
            ws="websockets-sansio",
            server_header=False,
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_tells_no_refusal)
    server.config.timeout_graceful_shutdown = CLOSE_S  # pyright: ignore[reportAttributeAccessIssue]
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="web server")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110  (uvicorn tells it in no other way)
            await asyncio.sleep(0.01)
        if not serving.done():
            await opened(f"http://{HOST}:{port}/{token}/")
        await asyncio.shield(serving)
    finally:
        # A page that is still open is cut, which is no error of anybody.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server.should_exit = True
        await serving
