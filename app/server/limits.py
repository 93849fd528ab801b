"""Limits of the server: times, sizes and counts, from the configuration and from its own judgement."""

from dataclasses import dataclass
from pathlib import Path

from app.config.configured import ConfiguredServer
from app.config.sections import ServerSettings


@dataclass(kw_only=True)
class Limits:
    """Every bound of a running server; tests make them small.

    All parts share one of these and read it each time, so that a changed setting takes effect. Only
    ``LiveSettings`` changes it.
    """

    uploads_per_client: int = 4
    uploads_at_once: int = 24
    """Of all clients together; more wait in a fair queue."""
    uploads_first: int = 64
    """How many more may be in, one of each client that has none: long uploads of some shut nobody out."""
    upload_turn_s: float = 20.0
    """How long an upload may wait for its turn: to an agent a line that is silent for a minute is dead."""
    uploads_waiting: int = 32
    """Of one client; more are answered 429."""
    body_bytes: int = 16 * 1024 * 1024
    """The largest JSON body."""
    chunk_bytes: int = 256 * 1024
    """What is read of an upload before it is handed to the store."""
    transfer_bytes: int = 1024 * 1024
    """Smaller uploads are not shown as transfers."""
    upload_idle_s: float = 60.0
    """An upload that sends nothing for so long is ended; what came is kept."""
    least_free_bytes: int = 256 * 1024 * 1024
    warn_free_bytes: int = 2 * 1024**3
    quota_bytes: int = 0
    """Of one client that has none of its own; 0 is none."""
    offline_grace_s: float = 2.0
    run_lost_s: float = 300.0
    """A run whose agent is silent for so long has failed."""
    command_s: float = 3.0
    """How long an agent may take to answer a command."""
    stop_timeout_s: float = 300.0
    seen_every_s: float = 10.0
    resume_s: float = 10.0
    """How long a console may take to say where it stands."""
    heartbeat_s: float = 10.0
    replay_events: int = 5000
    reader_events: int = 10_000
    reader_bytes: int = 32 * 1024 * 1024
    reader_log_lines: int = 12_000
    """Log lines that wait for one console; older ones are dropped and counted."""
    send_s: float = 20.0
    """How long one frame may take to leave before its reader counts as one that does not read."""
    frames_every_s: float = 0.2
    """Progress of one run or transfer is sent at most so often."""
    sample_s: float = 1.0
    sample_quiet_s: float = 10.0
    keep_events_days: float = 30.0
    keep_deleted_days: float = 30.0
    destroy_delay_h: float = 72.0
    destroy_every_s: float = 60.0
    """How often it is looked whether the time of a marked client has come."""
    retention_every_s: float = 600.0
    audit_days: float = 730.0
    verify_days: float = 30.0
    """Every content is read again within so many days; 0: never by itself."""
    verify_bytes_per_s: int = 64 * 1024 * 1024
    verify_every_s: float = 300.0
    """How long the scheduled verification rests where nothing is due."""
    catalogue_backup_h: float = 24.0
    catalogue_backups: int = 7
    catalogue_backup_dir: Path | None = None
    databases: tuple[Path, ...] = ()
    """Further files that consoles may look at."""
    enrol_failures: int = 20
    """Wrong enrolment codes of one address or name within a minute; more are answered 429."""
    wrong_tokens: int = 500
    """Wrong tokens of one address within a minute; more are answered 429."""
    trusted_proxies: tuple[str, ...] = ()
    head_s: float = 10.0
    """How long a connection that has shown no token may wait for the head of a request."""
    open_body_s: float = 10.0
    """How long the body of a request without a token may take."""
    body_idle_s: float = 30.0
    """How long a body may pause."""
    sockets_per_token: int = 32
    """Event sockets of one console token; each may have megabytes waiting."""
    agent_silent_s: float = 660.0
    """An agent that sends no frame for so long is disconnected; its heartbeats come every 300 s at most."""
    shutdown_s: float = 0.4
    """How long a request may take to end by itself when the server ends."""

    @classmethod
    def of(cls, settings: ServerSettings) -> "Limits":
        """Return the bounds that a configuration asks for."""
        return cls(
            uploads_per_client=settings.uploads_per_client,
            stop_timeout_s=settings.stop_timeout_s,
            offline_grace_s=settings.offline_grace_s,
            replay_events=settings.replay_events,
            reader_events=settings.reader_events,
            keep_events_days=settings.keep_events_days,
            keep_deleted_days=settings.keep_deleted_days,
            destroy_delay_h=settings.destroy_delay_h,
            audit_days=settings.audit_days,
            verify_days=settings.verify_days,
            catalogue_backup_h=settings.catalogue_backup_h,
            catalogue_backups=settings.catalogue_backups,
            catalogue_backup_dir=settings.catalogue_backup_dir,
            databases=settings.databases,
            verify_bytes_per_s=settings.verify_bytes_per_s,
            least_free_bytes=settings.least_free_bytes,
            warn_free_bytes=settings.warn_free_bytes,
            quota_bytes=settings.quota_bytes,
            trusted_proxies=settings.trusted_proxies,
        )


def configured_of(settings: ConfiguredServer | ServerSettings | Limits) -> ConfiguredServer:
    """Return the configuration behind what a server is started with; bounds alone are taken as one."""
    match settings:
        case ConfiguredServer():
            return settings
        case ServerSettings():
            return ConfiguredServer(settings=settings)
        case Limits():
            given = {
                key: getattr(settings, key) for key in ServerSettings.model_fields if hasattr(settings, key)
            }
            # Not checked: tests have bounds that no configuration may ask for.
            return ConfiguredServer(settings=ServerSettings.model_construct(**given))
