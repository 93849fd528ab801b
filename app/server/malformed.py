"""Answers to malformed requests in the one error shape, without a failure in the log."""

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from app.runtime.log_limits import LimitedLog
from app.server.door import Door
from app.server.error_answers import problem_response
from app.wire.http import Problem

limited = LimitedLog(structlog.stdlib.get_logger(__name__))

LONGEST = 200
MAX_HEADERS = 64
HEADER_BYTES = 4096
"""Together the largest head, which is held in memory for each connection: 256 KiB."""
READ_BUFFER_BYTES = 64 * 1024
LINGER_S = 2.0
"""How long the rest of a refused body is read and dropped, so that its sender sees the answer."""


class Runner(web.AppRunner):
    """Runs an application; bodies stay as they come, since nobody who calls it packs them."""

    def __init__(self, app: web.Application, door: Door, *, shutdown_s: float) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=shutdown_s,
            keepalive_timeout=75.0,
            max_headers=MAX_HEADERS,
            max_field_size=HEADER_BYTES,
            read_bufsize=READ_BUFFER_BYTES,
            lingering_time=LINGER_S,
        )
        self._door = door

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # Its own class is fixed inside the library; these add no state to it.
        server.__class__ = _Server
        server.door = self._door  # type: ignore[attr-defined]
        return server


class _Server(web.Server):
    door: Door

    def __call__(self) -> web.RequestHandler:
        handler = super().__call__()
        handler.__class__ = _Handler
        return handler


class _Handler(web.RequestHandler):
    __slots__ = ()

    def connection_lost(self, exc: BaseException | None) -> None:
        manager = self._manager
        super().connection_lost(exc)
        if isinstance(manager, _Server):
            manager.door.left(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read as a request; anything else goes the library's way."""
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        lines = (message or exc.message or "").split("\n")
        limited.info("malformed_request", peer=request.remote, reason=lines[0][:LONGEST])
        problem = Problem(
            code="bad_request", message="That is no HTTP request.", detail=lines[0].strip(" :")[:LONGEST]
        )
        response = problem_response(problem)
        response.force_close()
        return response
