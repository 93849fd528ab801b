"""The one vocabulary of states: server, streams and screen all use these words and no others."""

from enum import StrEnum


class Word(StrEnum):
    """One word of the vocabulary; as a key it is worth its text, and costs no more."""

    __hash__ = str.__hash__


class ClientState(Word):
    """How a client machine stands towards the server right now."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISCONNECTED = "disconnected"
    """An operator has shut the client out; it may not send until it is allowed again."""
    REVOKED = "revoked"
    """Its token is good no longer: it may not connect until it has enrolled again."""
    NEVER = "never"
    """Known to the server, but its agent has not connected once."""

    @property
    def let_in(self) -> bool:
        """Whether the server lets it in, so that a backup can be asked of it."""
        return self not in (ClientState.DISCONNECTED, ClientState.REVOKED)


class RunState(Word):
    """Where one backup of one client stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """Finished, but some files could not be read."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to this run."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class FileResult(Word):
    """What a backup has made of a file."""

    NEW = "new"
    CHANGED = "changed"
    VANISHED = "vanished"
    FAILED = "failed"


class RunTrigger(Word):
    """Who asked for a backup."""

    SCHEDULE = "schedule"
    OPERATOR = "operator"
    AGENT = "agent"
    """Started by hand at the client."""


class EntryKind(Word):
    """What a name in a backup stands for."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"
    """A device, a named pipe or a socket; its mode has the type of the file too."""


class FileState(Word):
    """What is known about the stored bytes of a file."""

    VERIFIED = "verified"
    STORED = "stored"
    """Hash checked when it was received, not read again since."""
    DAMAGED = "damaged"
    VANISHED = "vanished"
    """No longer on the client; its versions are kept."""
    DELETED = "deleted"
    """Deleted by an operator; can be undeleted until it is purged."""


class ServerState(Word):
    """Whether the server takes new backups."""

    RUNNING = "running"
    STOPPING = "stopping"
    """Refuses new runs while those that run come to their end."""
    STOPPED = "stopped"


class DiskRoom(Word):
    """How much room the server's disk has left; the worst last."""

    ENOUGH = "enough"
    LOW = "low"
    FULL = "full"
    """Uploads are refused."""


class TransferKind(Word):
    """What moves bytes."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    VERIFY = "verify"


class TransferState(Word):
    """Where a transfer stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class VerificationState(Word):
    """What the scheduled verification of all contents does now."""

    OFF = "off"
    IDLE = "idle"
    """Nothing is due."""
    RUNNING = "running"
    PAUSED = "paused"
    """It waits while uploads go on."""
    FAILING = "failing"
    """The store or the catalogue does not answer as it should; it is tried again."""


class LinkState(Word):
    """How the console is connected to the server."""

    CONNECTING = "connecting"
    LIVE = "live"
    POLLING = "polling"
    """The WebSocket is down; polling carries the data."""
    STALE = "stale"
    """Nothing has come for longer than the cadence."""
    DOWN = "down"


class Health(Word):
    """What a value on the screen is worth."""

    LOADING = "loading"
    OK = "ok"
    STALE = "stale"
    ERROR = "error"


class ProblemKind(Word):
    """What is wrong now, and stays so until its cause is gone."""

    NO_CONNECTION = "no_connection"
    SERVER_SILENT = "server_silent"
    """Connected, but nothing comes."""
    SERVER_UNREAD = "server_unread"
    """It answers, but its state or its clients cannot be read."""
    CATALOGUE_LOST = "catalogue_lost"
    DISK_FULL = "disk_full"
    SERVER_STOPPED = "server_stopped"
    DAMAGE = "damage"
    CANNOT_VERIFY = "cannot_verify"
    FAILING = "failing"
    """The backups of a client fail."""
    CLIENT_LOST = "client_lost"
    """Not within its goal, and its agent cannot connect or has not for longer than the goal."""
    OVERDUE = "overdue"
    """Not within its goal."""
    NOT_COPIED = "not_copied"
    """The catalogue has no fresh copy."""
    DISK_LOW = "disk_low"
    CLOCK = "clock"
    """The server does not trust its clock."""

    @property
    def grave(self) -> bool:
        """Whether backups fail, or what is stored is at risk."""
        return self not in _LESS_GRAVE


_LESS_GRAVE = frozenset(
    {
        ProblemKind.SERVER_SILENT,
        ProblemKind.CLIENT_LOST,
        ProblemKind.OVERDUE,
        ProblemKind.NOT_COPIED,
        ProblemKind.DISK_LOW,
        ProblemKind.CLOCK,
    }
)


class Topic(Word):
    """What a console can ask the event socket for."""

    CLIENTS = "clients"
    RUNS = "runs"
    FILES = "files"
    SERVER = "server"
    ACTIVITY = "activity"
    TRANSFERS = "transfers"
    STATUS = "status"
    """Samples of the server's load: high rate, conflated, not numbered."""
    PROGRESS = "progress"
    """Progress of running backups: high rate, conflated, not numbered."""
    LOGS = "logs"
    DATABASE = "database"
    """Commits to databases that the server opens for consoles: conflated, not numbered."""


class EventKind(Word):
    """What a numbered event says has happened."""

    CLIENT_ENROLLED = "client_enrolled"
    CLIENT_ONLINE = "client_online"
    CLIENT_OFFLINE = "client_offline"
    CLIENT_DISCONNECTED = "client_disconnected"
    CLIENT_ALLOWED = "client_allowed"
    CLIENT_REVOKED = "client_revoked"
    """Its token is good no longer; it has to enrol again."""
    CLIENT_CHANGED = "client_changed"
    REMOVAL_PLANNED = "removal_planned"
    """It is removed at a time that it carries, unless that is undone."""
    REMOVAL_UNDONE = "removal_undone"
    CLIENT_REMOVED = "client_removed"
    BACKUP_REQUESTED = "backup_requested"
    RUN_STARTED = "run_started"
    RUN_FINISHED = "run_finished"
    RUN_CHANGED = "run_changed"
    """It is protected, or is no longer."""
    FILES_CHANGED = "files_changed"
    FILES_DELETED = "files_deleted"
    FILES_UNDELETED = "files_undeleted"
    FILES_VERIFIED = "files_verified"
    FILE_DAMAGED = "file_damaged"
    SERVER_STARTED = "server_started"
    SERVER_STOPPING = "server_stopping"
    SERVER_STOPPED = "server_stopped"
    SETTINGS_CHANGED = "settings_changed"
    """Settings of the server were changed through its API."""


class Scope(Word):
    """A right that a bearer token carries; those of consoles and scripts carry some of the first four."""

    LOOK = "look"
    """See everything but the contents of files; part of every console's token."""
    OPERATE = "operate"
    """Backups, connections, verification, enrolment codes, and deletions that can be undone."""
    RESTORE = "restore"
    """Read the contents of files and the list of a whole client."""
    DESTROY = "destroy"
    """Remove clients, take away protection, manage tokens, and change the server's settings."""
    AGENT = "agent"
    """One client: it sends and restores its own files only."""


CONSOLE_SCOPES = (Scope.LOOK, Scope.OPERATE, Scope.RESTORE, Scope.DESTROY)
"""The rights that a console's token can carry, the least first."""


class LogLevel(Word):
    """How much a log line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSource(Word):
    """Which part of Tidewatch says a log line."""

    CONSOLE = "console"
    SERVER = "server"
    DATABASE = "database"
    """The server's catalogue: slow statements, checkpoints, migrations, checks and errors of its own."""
    AUDIT = "audit"
    """The record of logins, refusals, orders, and of what was read and given out."""


class AuditAction(Word):
    """What a row of the audit record is about."""

    LOGIN = "login"
    """A token was used from an address that had not used it within the last hour."""
    WRONG_TOKEN = "wrong_token"
    WRONG_CODE = "wrong_code"
    FORBIDDEN = "forbidden"
    """A token was used for something that its scopes do not allow."""
    ENROLMENT_CODE = "enrolment_code"
    ENROLMENT = "enrolment"
    DOWNLOAD = "download"
    FILE_LIST = "file_list"
    """A client's whole list of files was read, as for a restore."""
    BACKUP = "backup"
    CANCEL_RUN = "cancel_run"
    DISCONNECT_CLIENT = "disconnect_client"
    ALLOW_CLIENT = "allow_client"
    SET_GOAL = "set_goal"
    DELETE_FILES = "delete_files"
    UNDELETE_FILES = "undelete_files"
    VERIFY = "verify"
    START_SERVER = "start_server"
    STOP_SERVER = "stop_server"
    REMOVE_CLIENT = "remove_client"
    """A client was marked for removal."""
    KEEP_CLIENT = "keep_client"
    """The mark was taken away."""
    CLIENT_REMOVED = "client_removed"
    """A client was removed with all that was kept of it, its time having come."""
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    ADD_TOKEN = "add_token"
    REVOKE_TOKEN = "revoke_token"
    REVOKE_CLIENT = "revoke_client"
    CHANGE_SETTINGS = "change_settings"
    SET_QUOTA = "set_quota"
    AUDIT_PURGE = "audit_purge"
    """Rows of this record that were too old were removed; the row names the last of them."""
    CATALOGUE_COPY = "catalogue_copy"
    CATALOGUE_REPAIR = "catalogue_repair"
    CATALOGUE_RESTORE = "catalogue_restore"
