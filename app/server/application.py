"""The two aiohttp applications of one server: HTTP on its port, sockets on the next."""

from aiohttp import web

from app.server.auth import authentication
from app.server.dispatch import Route, bind
from app.server.error_answers import errors
from app.server.routes import ROUTES, SOCKET_ROUTES
from app.server.services import Room


def http_application(room: Room) -> web.Application:
    """Return the application that answers HTTP."""
    return _application(room, ROUTES)


def socket_application(room: Room) -> web.Application:
    """Return the application that opens sockets."""
    return _application(room, SOCKET_ROUTES)


def _application(room: Room, routes: tuple[Route, ...]) -> web.Application:
    authenticate = authentication(room)
    app = web.Application(middlewares=[errors, authenticate], client_max_size=room.limits.body_bytes)
    bind(app, routes, room)
    return app
