"""A made-up fleet for the tests of the screen: 45 machines with names, sizes and histories as one meets them.

Nothing here is random: the same moment gives the same fleet.
"""

from datetime import datetime, timedelta

from streams.model.clients import Client
from streams.model.files import BackupFile, FilesSummary
from streams.model.runs import Progress, Run, RunResults
from streams.model.server import (
    Activity,
    Series,
    SeriesPoint,
    ServerStatus,
    StorageForecast,
    VerificationStatus,
)
from streams.model.vocabulary import (
    ClientState,
    EntryKind,
    EventKind,
    FileState,
    RunState,
    RunTrigger,
    ServerState,
    VerificationState,
)

GIB = 1024**3
MIB = 1024**2
NAMES = (
    *(f"web-{i:02d}" for i in range(1, 9)),
    *(f"db-{i:02d}" for i in range(1, 5)),
    *(f"app-{i:02d}" for i in range(1, 7)),
    *(f"build-{i:02d}" for i in range(1, 5)),
    *(
        "mail-gw",
        "mail-store",
        "ldap-01",
        "ns-01",
        "ns-02",
        "proxy-eu",
        "proxy-us",
        "git",
        "wiki",
        "ci-cache",
    ),
    *("lab-printer", "lab-scope", "nas-office", "erp", "crm", "grafana"),
    *(f"laptop-{who}" for who in ("anna", "ben", "chris", "dora", "emil", "farah", "georg")),
)
FAILING, OLDEST, NEVER = "mail-gw", "lab-printer", "laptop-georg"
RUNNING = ("web-01", "db-02", "app-03", "nas-office")


def client_id(name: str) -> str:
    """The id that stands for a name."""
    return f"{NAMES.index(name) * 7919 + 104729:032x}"


def client_of(name: str, now: datetime) -> Client:
    """One machine as it stands at ``now``."""
    i = NAMES.index(name)
    state = ClientState.ONLINE
    if name == NEVER:
        state = ClientState.NEVER
    elif i % 8 == 5 or name == OLDEST:
        state = ClientState.OFFLINE
    elif name == "lab-scope":
        state = ClientState.DISCONNECTED
    success: datetime | None = now - timedelta(minutes=17 + 29 * i % 1300)
    if name == FAILING:
        success = now - timedelta(days=1, hours=11)
    elif name == OLDEST:
        success = now - timedelta(days=3, hours=4, minutes=12)
    elif name == NEVER:
        success = None
    failing = name == FAILING
    return Client(
        id=client_id(name),
        name=name,
        state=state,
        created_at=now - timedelta(days=200 - i),
        goal_s=86400.0,
        last_seen_at=None
        if state is ClientState.NEVER
        else now - timedelta(seconds=2 if i % 8 != 5 else 7200),
        last_success_at=success,
        failing_since=now - timedelta(days=1, hours=8, minutes=48) if failing else None,
        failure_reason="disk full at client" if failing else None,
        last_run_state=RunState.FAILED if failing else None if name == NEVER else RunState.COMPLETE,
        running_run_id=8800 + RUNNING.index(name) if name in RUNNING else None,
        backup_queued=name == "laptop-emil",
        file_count=0 if name == NEVER else 1200 + 937 * i,
        stored_bytes=0 if name == NEVER else int((0.4 + (i * 37 % 23) * 0.83) * GIB),
        platform="Windows 11" if name.startswith("laptop") else "Linux 6.8",
        agent_version="0.1.0",
    )


def clients(now: datetime) -> tuple[Client, ...]:
    """The whole fleet, by name."""
    return tuple(client_of(name, now) for name in sorted(NAMES))


def progress_of(name: str, ratio: float, now: datetime) -> Progress:
    """A running backup at this point of its way."""
    i = RUNNING.index(name)
    total = int((3.1 + 4.7 * i) * GIB)
    rate = (31 - 6.5 * i) * MIB
    return Progress(
        run_id=8800 + i,
        client_id=client_id(name),
        client_name=name,
        at=now,
        files_done=int(ratio * (4200 + 3100 * i)),
        files_total=None if ratio == 0 else 4200 + 3100 * i,
        bytes_done=int(total * ratio),
        bytes_total=None if ratio == 0 else total,
        rate_bps=0.0 if ratio == 0 else rate,
        eta_s=None if ratio == 0 else total * (1 - ratio) / rate,
        current_path="/var/lib/postgresql/16/main/base/16384/24601",
    )


def running(now: datetime) -> tuple[Progress, ...]:
    """Four backups, the last still looking at its files."""
    return tuple(
        progress_of(name, ratio, now) for name, ratio in zip(RUNNING, (0.64, 0.22, 0.91, 0.0), strict=True)
    )


def status(now: datetime) -> ServerStatus:
    """A sample of a server that is well."""
    return ServerStatus(
        at=now,
        state=ServerState.RUNNING,
        epoch="e1",
        version="0.1.0",
        started_at=now - timedelta(days=4, hours=2, minutes=7),
        cpu_ratio=0.23,
        memory_bytes=int(1.2 * GIB),
        memory_total_bytes=16 * GIB,
        connections=38,
        clients_online=sum(c.state is ClientState.ONLINE for c in clients(now)),
        clients_total=len(NAMES),
        consoles=1,
        runs_active=4,
        transfers_active=3,
        received_bps=84.0 * MIB,
        sent_bps=1.3 * MIB,
        disk_total_bytes=1024 * GIB,
        disk_free_bytes=612 * GIB,
        store_bytes=398 * GIB,
        write_queue=0,
        event_queue=0,
        last_seq=128412,
        verification=VerificationStatus(
            state=VerificationState.IDLE,
            within_days=30,
            content_count=91_204,
            oldest_at=now - timedelta(days=21, hours=4),
        ),
    )


def _wave(i: int, period: float, swing: float) -> float:
    phase = (i / period) % 1.0
    return swing * (2 * phase if phase < 0.5 else 2 - 2 * phase)


def load(now: datetime) -> tuple[Series, ...]:
    """Ten minutes of the server's metrics, ten seconds apart."""

    def series(name: str, unit: str, base: float, swing: float, period: float) -> Series:
        points = tuple(
            SeriesPoint(
                at=now - timedelta(seconds=10 * (60 - i)),
                least=base + _wave(i, period, swing) * 0.9,
                mean=base + _wave(i, period, swing) + _wave(i, 3.7, swing / 5),
                greatest=base + _wave(i, period, swing) * 1.1 + _wave(i, 3.7, swing / 3),
            )
            for i in range(60)
        )
        return Series(name=name, unit=unit, step_s=10.0, points=points)

    return (
        series("cpu_ratio", "ratio", 0.08, 0.3, 23.0),
        series("memory_bytes", "bytes", 1.1 * GIB, 0.12 * GIB, 60.0),
        series("connections", "count", 34.0, 6.0, 31.0),
        series("clients_online", "count", 36.0, 3.0, 44.0),
        series("received_bps", "bytes/s", 20.0 * MIB, 80.0 * MIB, 17.0),
        series("sent_bps", "bytes/s", 0.5 * MIB, 2.0 * MIB, 29.0),
    )


def results() -> RunResults:
    """A day as days are."""
    return RunResults(hours=24.0, complete=118, partial=2, failed=3, cancelled=1, bytes_sent=int(96.4 * GIB))


def forecast(now: datetime) -> StorageForecast:
    """A disk that is full in some months."""
    return StorageForecast(
        at=now,
        disk_total_bytes=1024 * GIB,
        disk_free_bytes=612 * GIB,
        growth_bytes_per_day=5.1 * GIB,
        growth_least_bytes_per_day=3.9 * GIB,
        growth_greatest_bytes_per_day=6.4 * GIB,
        full_at=now + timedelta(days=120),
        full_earliest=now + timedelta(days=96),
        full_latest=now + timedelta(days=158),
    )


def activity(now: datetime) -> tuple[Activity, ...]:
    """What happened last, newest first."""

    def line(i: int, kind: EventKind, name: str | None, **more: object) -> Activity:
        return Activity(
            seq=128412 - i,
            at=now - timedelta(seconds=11 + 47 * i),
            kind=kind,
            client_id=client_id(name) if name else None,
            client_name=name,
            **more,  # pyright: ignore[reportArgumentType]
        )

    first = (
        line(0, EventKind.RUN_FINISHED, "web-03", run_id=8799, files=1204, bytes=312 * MIB, duration_s=48.0),
        line(1, EventKind.RUN_STARTED, "nas-office", run_id=8803),
        line(2, EventKind.CLIENT_ONLINE, "laptop-anna"),
        line(
            3, EventKind.RUN_FINISHED, "mail-gw", run_id=8798, duration_s=12.0, reason="disk full at client"
        ),
        line(4, EventKind.FILES_VERIFIED, "db-01", files=4210),
        line(5, EventKind.CLIENT_OFFLINE, "laptop-ben"),
        line(6, EventKind.BACKUP_REQUESTED, "laptop-emil"),
        line(7, EventKind.FILE_DAMAGED, "wiki", files=1, reason="content does not have its hash"),
        line(8, EventKind.CLIENT_DISCONNECTED, "lab-scope"),
        line(9, EventKind.FILES_DELETED, "crm", files=12),
    )
    rest = tuple(
        line(
            10 + i,
            EventKind.RUN_FINISHED,
            NAMES[(i * 5) % 30],
            run_id=8790 - i,
            files=300 + 217 * i,
            bytes=(11 + 23 * i) * MIB,
            duration_s=9.0 + 7 * i,
        )
        for i in range(90)
    )
    return first + rest


def files_summary() -> FilesSummary:
    """The cards above the files."""
    return FilesSummary(
        file_count=128412,
        total_bytes=int(905.3 * GIB),
        blob_bytes=398 * GIB,
        recent_run_count=118,
        unverified_count=2697,
        damaged_count=1,
        deleted_count=12,
        vanished_count=94,
    )


def file_of(i: int, now: datetime) -> BackupFile:
    """The file number ``i`` of the fleet."""
    name = NAMES[i % 40]
    suffix = ("log", "pdf", "sql", "png", "conf", "")[i % 6]
    folder = ("var/log", "home/anna/Documents", "srv/data/2026", "etc/nginx", "opt/app/releases")[i % 5]
    path = f"/{folder}/item-{i:05d}" + (f".{suffix}" if suffix else "")
    return BackupFile(
        id=i,
        client_id=client_id(name),
        client_name=name,
        path=path,
        raw_path=path.encode(),
        kind=EntryKind.FILE,
        suffix=suffix,
        state=(FileState.VERIFIED, FileState.STORED, FileState.STORED, FileState.VANISHED)[i % 4]
        if i != 7
        else FileState.DAMAGED,
        version_id=10 * i,
        version_count=1 + i % 9,
        size_bytes=(i * 7919 + 311) % (3 * GIB),
        modified_at=now - timedelta(hours=3 * i + 1),
        backed_up_at=now - timedelta(hours=i % 48, minutes=i % 60),
        verified_at=now - timedelta(days=i % 30) if i % 4 == 0 else None,
        sha256=f"{i * 2654435761 % 2**256:064x}",
    )


def run_of(i: int, name: str, now: datetime) -> Run:
    """One of the last runs of a machine, the newest is 0."""
    failed = i in (3, 11)
    started = now - timedelta(hours=6 * i + 1)
    return Run(
        id=8799 - i,
        client_id=client_id(name),
        client_name=name,
        trigger=RunTrigger.SCHEDULE if i % 5 else RunTrigger.OPERATOR,
        state=RunState.FAILED if failed else RunState.PARTIAL if i == 6 else RunState.COMPLETE,
        started_at=started,
        finished_at=started + timedelta(seconds=40 + 13 * i),
        reason="the connection was lost" if failed else "2 files could not be read" if i == 6 else None,
        files_seen=1204 + i,
        files_new=i % 7,
        files_changed=12 + i,
        bytes_seen=(300 + i) * MIB,
        bytes_sent=(12 + 3 * i) * MIB,
    )
