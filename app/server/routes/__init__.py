"""The table of all routes; what is not in it does not exist."""

from app.server.dispatch import Route
from app.server.routes.agent import AGENT
from app.server.routes.analytics import ANALYTICS
from app.server.routes.clients import CLIENTS
from app.server.routes.content import CONTENT
from app.server.routes.database import DATABASE
from app.server.routes.enrolment import ENROLMENT
from app.server.routes.files import FILES
from app.server.routes.logs import LOGS
from app.server.routes.own_files import OWN_FILES
from app.server.routes.removal import REMOVAL
from app.server.routes.runs import RUNS
from app.server.routes.service import SERVICE
from app.server.routes.settings import SETTINGS
from app.server.routes.sockets import SOCKETS
from app.server.routes.status import STATUS
from app.server.routes.tokens import TOKENS

ROUTES: tuple[Route, ...] = (
    *SERVICE,
    *STATUS,
    *CLIENTS,
    *REMOVAL,
    *RUNS,
    *FILES,
    *ANALYTICS,
    *CONTENT,
    *ENROLMENT,
    *TOKENS,
    *SETTINGS,
    *LOGS,
    *AGENT,
    *OWN_FILES,
    *DATABASE,
)
"""Of the HTTP port."""

SOCKET_ROUTES: tuple[Route, ...] = SOCKETS
"""Of the port of events."""
