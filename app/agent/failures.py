"""Failures between agent and server: the cause, the place, and what to do."""

import errno
import os
import socket
import ssl

import aiohttp

from app.agent.names import reason_of
from app.wire.http import Problem, enrol_command
from app.wire.tls import WrongKey
from streams.model.failures import (
    CommandFailed,
    ServerRefused,
    ServerUnreachable,
    TidewatchError,
    WrongCertificate,
    WrongToken,
    WrongVersion,
)

PASSING_CODES = frozenset(
    {
        "internal",
        "database_locked",
        "catalogue_locked",
        "shutting_down",
        "too_many_uploads",
        "upload_in_progress",
        "body_too_slow",
        "busy",
        "store_unreadable",
        "store_lost",
        "too_many_connections",
        "offset_mismatch",
        "upload_incomplete",
    }
)
"""Refusals that another try may get past."""

BETWEEN = "http_"
"""How codes begin of answers that are not the server's own: of a proxy in between."""
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Of a proxy that cannot reach the server or is busy."""

RUN_CODES = frozenset(
    {
        "client_disconnected",
        "client_revoked",
        "disk_full",
        "run_ended",
        "server_stopped",
        "store_unwritable",
        "catalogue_unwritable",
        "unknown_run",
        "forbidden",
        "quota_exceeded",
    }
)
"""Refusals of the whole run; any other is about one name or content, and costs that one."""

HINTS = {
    "too_many_attempts": "Then try again with the right code.",
    "disk_full": "Make room on the server's disk; what was sent is kept, the next backup goes on from there.",
    "server_stopped": "Start it again in the console, or wait until somebody does.",
    "client_disconnected": "An operator has to allow it again in the console.",
}
"""What the person at the client can do about a refusal; about any other the server says it."""
AGENT_TOKEN = f"Enrol again: get a code on the server with: {enrol_command()}, and give it once with --code."
CONSOLE_TOKEN = "Give the console.token that lies in the data folder of this server."


class SystemRefused(TidewatchError):
    """The operating system refused what could not be done without."""

    code = "system_refused"


class IndexUnusable(TidewatchError):
    """The index cannot be read or written now: a full disk, a failing one, permissions."""

    code = "index_unusable"


class Replaced(TidewatchError):
    """Another program works with this agent's token: its state was copied, or its machine cloned."""

    code = "replaced"

    def __init__(self) -> None:
        super().__init__(
            "Another agent has connected as this client: its state folder was copied, or its machine cloned.",
            hint="Enrol each machine under a name of its own.",
        )


class RunCancelled(TidewatchError):
    """This run was ended before its end; the message is the reason, as the server keeps it."""

    code = "run_cancelled"

    def line(self) -> str:
        """Return what the agent says of it."""
        return f"The backup was ended: {self.message}."


class Refusal(CommandFailed):
    """The server said no; ``server_code`` is its word for it."""

    def __init__(
        self, problem: Problem, *, status: int, retry_after_s: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(problem.message, code=problem.code, hint=hint)
        self.detail = problem.detail
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def is_final(self) -> bool:
        """Whether the server will not say anything else to the same request later."""
        return self.status < 500 and self.status not in (408, 409, 425, 429)


def first_failure(raised: ExceptionGroup[Exception]) -> TidewatchError:
    """Return the first failure of the outside world that ended a group of tasks; raises a bug as it is."""
    known, unknown = raised.split((TidewatchError, OSError))
    if known is None or unknown is not None:
        raise raised
    first: BaseException = known.split(TidewatchError)[0] or known
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, TidewatchError) else failure_of_system(first)


def failure_in(raised: Exception) -> TidewatchError | None:
    """Return the failure of the outside world that an exception is or holds; None for a bug."""
    if isinstance(raised, TidewatchError):
        return raised
    if isinstance(raised, OSError):
        return failure_of_system(raised)
    if isinstance(raised, ExceptionGroup) and raised.split((TidewatchError, OSError))[1] is None:
        return first_failure(raised)
    return None


def failure_of_system(error: BaseException) -> SystemRefused:
    """Return what a refusal of the operating system means that nobody has expected where it came."""
    assert isinstance(error, OSError)
    name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return SystemRefused(f"{name}{reason_of(error)}.", hint="Nothing more was done.")


def is_of_run(error: Refusal) -> bool:
    """Return whether a refusal is about the run or the client, and not about one name or content."""
    return error.server_code in RUN_CODES


def is_passing(error: TidewatchError) -> bool:
    """Return whether the same request may go well a little later."""
    if isinstance(error, Refusal):
        if error.server_code.startswith(BETWEEN):
            return error.status in PASSING_STATUSES
        return error.server_code in PASSING_CODES or error.status in (502, 503, 504)
    return isinstance(error, ServerUnreachable | ServerRefused)


def is_lasting(error: TidewatchError) -> bool:
    """Return whether an agent that stays need not try the same request again."""
    if isinstance(error, Refusal):
        return error.is_final and not is_passing(error)
    return not isinstance(error, IndexUnusable) and not is_passing(error)


def _distrust(error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError) -> str:
    """Return in one phrase why TLS failed."""
    cause = (
        error.certificate_error
        if isinstance(error, aiohttp.ClientConnectorCertificateError)
        else error.os_error
    )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if getattr(cause, "reason", None) == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS"
    return getattr(cause, "reason", None) or str(cause)


def _remedy(error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and isinstance(
        error.certificate_error, WrongKey
    ):
        return "Somebody may be in between. If the server was set up anew, enrol again or give --fingerprint."
    return (
        "Give the server's --fingerprint or its authority with --ca-file, or check https:// against http://."
    )


def failure_of(error: Exception, address: object) -> TidewatchError:
    """Return what an exception of the network means, in our words."""
    hint = "Check the address given with --server (http:// or https://), and that the server runs."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return WrongCertificate(
            f"{address}: the connection cannot be trusted: {_distrust(error)}.", hint=_remedy(error)
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error
        if isinstance(reason, socket.gaierror):
            return ServerUnreachable(f"{address}: there is no host of that name.", hint=hint)
        if reason.errno == errno.ECONNREFUSED:
            return ServerRefused(f"{address}: nothing listens there.", hint=hint)
        return ServerUnreachable(f"{address} cannot be reached: {reason.strerror or reason}.", hint=hint)
    if isinstance(error, TimeoutError):
        return ServerUnreachable(f"{address} does not answer.", hint=hint)
    if isinstance(error, aiohttp.ClientResponseError):
        return WrongVersion(f"{address} answers, but not as a Tidewatch server does.", hint=hint)
    return ServerUnreachable(f"{address}: the connection was lost.", hint=hint)


def unknown_token(address: object, hint: str) -> WrongToken:
    """Return what is said of a token that is good no more."""
    return WrongToken(f"{address}: the token was revoked, or is not of this server.", hint=hint)
