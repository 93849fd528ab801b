"""Refusals of the server, and the one table that turns a code into an HTTP status."""

from app.wire.http import Problem
from streams.model.failures import TidewatchError

STATUS_OF_CODE: dict[str, int] = {
    "bad_request": 400,
    "bad_cursor": 400,
    "offset_mismatch": 409,
    "wrong_token": 401,
    "forbidden": 403,
    "wrong_code": 403,
    "code_used": 403,
    "code_expired": 403,
    "not_found": 404,
    "unknown_client": 404,
    "unknown_run": 404,
    "unknown_file": 404,
    "unknown_version": 404,
    "unknown_token": 404,
    "unknown_setting": 404,
    "setting_fixed": 409,
    "setting_changed": 409,
    "setting_rejected": 422,
    "name_taken": 409,
    "limit_reached": 409,
    "protected": 409,
    "client_marked": 409,
    "not_marked": 409,
    "method_not_allowed": 405,
    "server_stopped": 409,
    "client_disconnected": 409,
    "client_revoked": 409,
    "run_ended": 409,
    "run_replaced": 409,
    "no_content": 409,
    "blobs_missing": 409,
    "upload_incomplete": 400,
    "damaged": 410,
    "payload_too_large": 413,
    "range_not_satisfiable": 416,
    "hash_mismatch": 422,
    "too_many_uploads": 429,
    "too_many_attempts": 429,
    "too_many_sockets": 429,
    "body_too_slow": 408,
    "too_many_connections": 503,
    "busy": 503,
    "internal": 500,
    "database_locked": 503,
    "catalogue_lost": 503,
    "catalogue_io_error": 503,
    "out_of_memory": 503,
    "catalogue_unwritable": 507,
    "store_unwritable": 507,
    "store_unreadable": 503,
    "store_lost": 503,
    "not_a_database": 500,
    "database_not_served": 404,
    "database_missing": 404,
    "database_unreadable": 409,
    "database_empty": 409,
    "database_damaged": 409,
    "database_encrypted": 409,
    "database_unsupported": 409,
    "database_hot_journal": 503,
    "not_read": 503,
    "query_failed": 400,
    "query_timeout": 408,
    "query_cancelled": 409,
    "read_only": 409,
    "secret": 409,
    "shutting_down": 503,
    "disk_full": 507,
    "quota_exceeded": 507,
}
"""A code that is not here is our own mistake and answered 500."""


class Refused(Exception):
    """A request that cannot be granted; becomes ``Problem`` with the status of its code."""

    def __init__(
        self, code: str, message: str, *, detail: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, detail=detail)
        self.headers = headers or {}


class StartFailed(TidewatchError):
    """The server cannot start; the message says what stands in its way."""

    code = "start_failed"
    exit_code = 2


class PortTaken(StartFailed):
    """Another program listens on a port that was asked for."""

    code = "port_taken"
    exit_code = 4


class FolderUnwritable(StartFailed):
    """The data folder cannot be made or written."""

    code = "folder_unwritable"
    exit_code = 5


class FolderInUse(StartFailed):
    """Another server works on the data folder."""

    code = "folder_in_use"
    exit_code = 7


class BadCertificate(StartFailed):
    """The certificate or its key cannot be read, or they do not belong together."""

    code = "bad_certificate"
    exit_code = 8
