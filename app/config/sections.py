"""The sections of the configuration: every setting with its unit, its range, its default and one sentence."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def _home(value: Any) -> Any:
    return str(Path(value).expanduser()) if isinstance(value, str) and value.startswith("~") else value


FilePath = Annotated[Path, BeforeValidator(_home)]
"""A path; ``~`` is the home folder, a relative one in the file is relative to that file."""


def _zone(value: str) -> str:
    """Return the name of a zone; its city is enough where no other zone has that: ``Berlin``."""
    if value in ("local", "UTC"):
        return value
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _zone_of_city(value)
    return value


def _zone_of_city(value: str) -> str:
    wanted = value.strip().casefold().replace(" ", "_")
    names = sorted(available_timezones())
    found = [name for name in names if name.casefold() == wanted] or [
        name for name in names if name.rpartition("/")[2].casefold() == wanted
    ]
    if len(found) == 1:
        return found[0]
    raise ValueError("not the name of one zone")


ZoneName = Annotated[str, AfterValidator(_zone)]
"""``local``, ``UTC`` or the name of a zone this machine knows, or of its city."""


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("not an address or a network") from None
    return value


def _fingerprint(value: str) -> str:
    text = value.strip()
    if text and not _FINGERPRINT.fullmatch(text):
        raise ValueError("not a SHA-256 fingerprint")
    return text


_FINGERPRINT = re.compile(r"(?i:sha256:)?(?:[A-Za-z0-9_+/-]{43}=?|[0-9a-fA-F]{2}(?::?[0-9a-fA-F]{2}){31})")
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""SHA-256 of a public key, as ``app.wire.tls.parse_fingerprint`` takes it; empty for none."""

Networks = tuple[Annotated[str, AfterValidator(_network)], ...]
"""Addresses or networks, such as ``10.0.0.0/8``."""


def setting(default: Any, description: str, unit: str = "", allowed: str = "", **limits: Any) -> Any:
    """Return a pydantic field that carries its unit beside its range, default and description.

    ``allowed`` words what is allowed where type and limits do not tell.
    """
    extra: dict[str, Any] = {name: text for name, text in (("unit", unit), ("allowed", allowed)) if text}
    return Field(default=default, description=description, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A table of the configuration file; never changed in place, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ConnectionSettings(Section):
    """Which server and which database the console looks at."""

    mock_mode: bool = setting(
        True, "Start a server with a simulated fleet on this machine and connect to that one."
    )
    host: str = setting("127.0.0.1", "Name or address of the backup server.", min_length=1, max_length=255)
    port: int = setting(
        1256, "Port of the server's HTTP API; its events are on the next one.", ge=1, le=65534
    )
    database_path: FilePath | None = setting(
        None, "The server's catalogue by its name there, opened read-only; needed unless mock_mode is on."
    )
    token: SecretStr | None = setting(None, "The console's token itself; goes before token_file.")
    token_file: FilePath | None = setting(
        None,
        "File with the console's token; else console.token beside database_path, or it is asked for once.",
    )
    tls: Literal["auto", "on", "off"] = setting(
        "auto", "Whether to speak TLS: auto means everywhere but on this machine (loopback)."
    )
    fingerprint: Fingerprint = setting(
        "", "Public key of the server (sha256:...), as it prints it at its start; no other is accepted.",
        allowed="sha256: and 43 characters, or nothing",
    )  # fmt: skip
    ca_file: FilePath | None = setting(
        None, "Certificates (PEM) to trust instead of the system's or the fingerprint."
    )
    insecure_http: bool = setting(
        False, "Allow plain HTTP to another machine: the token and all data can be read on the way."
    )
    check_s: float = setting(
        5.0, "Time limit of the checks at the start of the console.", "seconds", ge=0.2, le=60
    )


class PollingSettings(Section):
    """How often the server is asked while somebody looks."""

    critical_s: float = setting(
        5.0, "Interval for what is critical: server status, active clients, running backups.", "seconds",
        ge=0.5, le=300,
    )  # fmt: skip
    background_s: float = setting(
        30.0, "Interval for what is not critical: files, analytics.", "seconds", ge=1, le=3600
    )
    timeout_s: float = setting(4.0, "How long one answer may take.", "seconds", ge=0.1, le=60)


class StreamSettings(Section):
    """The other times of the streams."""

    frame_s: float = setting(
        0.008, "Least time between two updates of one control; half a frame of most screens.",
        "seconds", ge=0.004, le=1,
    )  # fmt: skip
    settle_s: float = setting(
        0.25, "Quiet time to wait for after files have changed before a list of them is read again.",
        "seconds", ge=0, le=10,
    )  # fmt: skip
    linger_s: float = setting(
        0.5, "How long a source is kept after the last view that looked at it.", "seconds", ge=0, le=60
    )
    backoff_base_s: float = setting(
        0.5, "First pause before a failed request or connection is tried again; doubled each time.",
        "seconds", ge=0.05, le=60,
    )  # fmt: skip
    backoff_cap_s: float = setting(30.0, "Longest pause before the next try.", "seconds", ge=0.1, le=3600)
    jitter_ratio: float = setting(
        0.2, "Share by which each pause is made shorter or longer, so that not all come back at once.",
        "ratio", ge=0, le=1,
    )  # fmt: skip
    stale_factor: float = setting(
        2.5, "A value is stale when it is older than its interval times this.", "times", ge=1, le=20
    )
    ping_s: float = setting(
        5.0, "Interval of the measurement of the round trip to the server.", "seconds", ge=0.2, le=60
    )


class MockSettings(Section):
    """The simulated fleet of mock mode."""

    clients: int = setting(45, "Number of simulated clients.", "clients", ge=30, le=60)
    seed: int = setting(1256, "Start of the simulated chance: the same seed gives the same fleet.", ge=0)
    database_path: FilePath | None = setting(
        None, "Catalogue to keep between starts, in a folder of its own; without it a temporary one."
    )
    pace: float = setting(
        1.0, "How many times as fast the fleet lives, for demonstrations; its history is that of 1.", "times",
        ge=0.1, le=100,
    )  # fmt: skip
    scenario: Literal["", "growth", "churn", "full-disk", "attack", "bad-night"] = setting(
        "", "What happens to the fleet, for demonstrations; empty: a usual day."
    )
    start_s: float = setting(
        60.0, "How long the simulated server may take to be ready.", "seconds", ge=1, le=600
    )


class WebSettings(Section):
    """The console in a browser."""

    port: int = setting(
        0, "Port of the console in a browser, where --port gives none; 0 takes one that is free.",
        ge=0, le=65535,
    )  # fmt: skip
    keep_path: bool = setting(
        False,
        "Keep the secret part of the address from start to start, in a file of this user alone: with a port, "
        "the address can be a bookmark.",
    )


class UiSettings(Section):
    """How the console looks."""

    theme: Literal["system", "light", "dark"] = setting("system", "Colours: as the system, light or dark.")
    density: Literal["comfortable", "standard", "compact"] = setting(
        "standard", "Height of rows and spacing."
    )
    units: Literal["binary", "decimal"] = setting(
        "binary", "Sizes in KiB, MiB (powers of 1,024) or in kB, MB (powers of 1,000)."
    )
    time_zone: ZoneName = setting(
        "local",
        "Zone in which times are shown: local, UTC, or a name such as Europe/Berlin; its city is enough.",
        allowed="local, UTC or the name of a known zone such as Europe/Berlin",
        min_length=1,
    )


class ServerSettings(Section):
    """The backup server (``tidewatch server``)."""

    host: str = setting("127.0.0.1", "Address to listen on; only this machine by default.", min_length=1)
    port: int = setting(
        1256, "Port of the HTTP API; events are on the next one. 0 takes two free ones.", ge=0, le=65534
    )
    tls_certificate: FilePath | None = setting(
        None,
        "Certificate chain (PEM) to serve TLS with; without it the server makes one beyond loopback.",
    )
    tls_key: FilePath | None = setting(None, "Private key (PEM) of tls_certificate.")
    insecure_http: bool = setting(
        False, "Serve plain HTTP to other machines too: tokens and files can be read on the way."
    )
    trusted_proxies: Networks = setting(
        (), "Proxies (addresses or networks) whose X-Forwarded-For or Forwarded tells the caller's address.",
        allowed="a list of addresses or networks such as 10.0.0.0/8",
    )  # fmt: skip
    uploads_per_client: int = setting(
        4, "Uploads of one client at once; more wait their turn.", "uploads", ge=1, le=64
    )
    stop_timeout_s: float = setting(
        300.0, "How long running backups may take to end once the server was told to stop.", "seconds",
        ge=0, le=86400,
    )  # fmt: skip
    offline_grace_s: float = setting(
        2.0, "How long a client may be gone before it counts as offline.", "seconds", ge=0, le=60
    )
    replay_events: int = setting(
        5000, "Missed events that are replayed to a console; after more it reads everything again.",
        "events", ge=0, le=1_000_000,
    )  # fmt: skip
    reader_events: int = setting(
        10_000, "Events kept for a console that reads slowly; with more it is disconnected.", "events",
        ge=100, le=1_000_000,
    )  # fmt: skip
    keep_events_days: float = setting(30.0, "Age at which events are purged.", "days", ge=1, le=3650)
    keep_deleted_days: float = setting(
        30.0, "Age at which deleted files are purged and can no longer be undeleted.", "days", ge=0, le=3650
    )
    destroy_delay_h: float = setting(
        72.0, "Time between an order to remove a client and its removal; deleted files are kept as long.",
        "hours", ge=0, le=87600,
    )  # fmt: skip
    audit_days: float = setting(
        730.0, "Age at which rows of the audit record are removed; a row that stays names the last of them.",
        "days", ge=1, le=36500,
    )  # fmt: skip
    verify_days: float = setting(
        30.0, "Time within which every stored content is read again; 0 switches that off.", "days",
        ge=0, le=3650,
    )  # fmt: skip
    verify_bytes_per_s: int = setting(
        64 * 1024 * 1024, "Highest rate at which the scheduled verification reads.", "bytes per second",
        ge=1024 * 1024, le=2**40,
    )  # fmt: skip
    catalogue_backup_h: float = setting(
        24.0, "Interval of the verified copies of the catalogue; 0 switches them off.", "hours",
        ge=0, le=24 * 365,
    )  # fmt: skip
    catalogue_backups: int = setting(
        7, "How many copies of the catalogue are kept in each folder.", "copies", ge=1, le=1000
    )
    catalogue_backup_dir: FilePath | None = setting(
        None,
        "Another folder for copies of the catalogue, on another disk; they always lie in the data folder.",
    )
    databases: tuple[FilePath, ...] = setting(
        (), "Further SQLite files that consoles may look at, beside those in the folder of the catalogue.",
        allowed="a list of paths",
    )  # fmt: skip
    least_free_bytes: int = setting(
        256 * 1024 * 1024, "Uploads are refused while the disk has less free space than this.", "bytes",
        ge=0, le=2**50,
    )  # fmt: skip
    quota_bytes: int = setting(
        0, "How much one client may keep, before compression; more is refused. 0 sets no bound.", "bytes",
        ge=0, le=2**53,
    )  # fmt: skip
    warn_free_bytes: int = setting(
        2 * 1024**3, "Log and console warn while the disk has less free space than this.", "bytes",
        ge=0, le=2**50,
    )  # fmt: skip


class AgentSettings(Section):
    """The agent on a client machine (``tidewatch agent``)."""

    files_in_flight: int = setting(6, "Files that are read and sent at once.", "files", ge=1, le=64)
    ignore: tuple[str, ...] = setting((), "What not to back up, one gitignore pattern each.")
    one_file_system: bool = setting(
        False, "Leave out what is mounted below a PATH: other disks, /proc, network folders."
    )
    exclude_caches: bool = setting(False, "Leave out what is in folders with a CACHEDIR.TAG.")
    exclude_if_present: tuple[str, ...] = setting(
        (), "Leave out what is in folders with a file of one of these names, such as .nobackup."
    )
    exclude_larger_bytes: int = setting(
        0, "Leave out files that are larger; 0 is no limit.", "bytes", ge=0, le=2**62
    )
    heartbeat_s: float = setting(5.0, "Interval of the signs of life.", "seconds", ge=0.5, le=300)
    schedule_s: float = setting(
        21600.0, "Time between two backups when nobody asks for one.", "seconds", ge=60, le=31 * 86400
    )
    reread_times: int = setting(
        3, "How often a file that changes while it is read is read again before it is called inconsistent.",
        "times", ge=0, le=20,
    )  # fmt: skip
    backoff_base_s: float = setting(
        0.5, "First pause before the server is tried again; doubled each time.", "seconds", ge=0.05, le=60
    )
    backoff_cap_s: float = setting(30.0, "Longest pause before the next try.", "seconds", ge=0.1, le=3600)
    ca_file: FilePath | None = setting(
        None, "Certificates (PEM) to trust instead of the system's or the fingerprint from the code."
    )
    insecure_http: bool = setting(
        False, "Allow plain HTTP to another machine: the token and all files can be read on the way."
    )
