"""The machines of the simulated fleet: who they are, what they do, and what goes wrong with them."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

HOUR_S = 3600.0
DAY_S = 86_400.0
MEGABYTE = 1_000_000


class Role(StrEnum):
    """What a machine is for; decides what lies on its disk and when it is switched on."""

    WEB = "web"
    DATABASE = "database"
    MAIL = "mail"
    FILES = "files"
    BUILD = "build"
    SERVICE = "service"
    LAPTOP = "laptop"
    WORKSTATION = "workstation"
    DEVICE = "device"

    @property
    def personal(self) -> bool:
        """Whether a person carries it home or switches it off at night."""
        return self in (Role.LAPTOP, Role.WORKSTATION)


class Temper(StrEnum):
    """How a machine behaves as a client of the backup server."""

    STEADY = "steady"
    FLAKY = "flaky"
    """Fails now and then, and is well the next time."""
    UNREADABLE = "unreadable"
    """Has files that its agent may not read: its backups are partial."""
    FAILING = "failing"
    """Every backup has failed for some days."""
    SLOW = "slow"
    AWAY = "away"
    """Goes offline and comes back."""
    GONE = "gone"
    """Has not been seen for days."""
    SHUT_OUT = "shut_out"
    """Disconnected by an operator."""
    NEVER = "never"
    """Enrolled, but its agent was never started."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One simulated client."""

    name: str
    role: Role
    temper: Temper
    platform: str
    agent_version: str
    goal_s: float
    every_s: float
    """Time between two scheduled backups."""
    rate_bps: float
    """How fast its line sends."""
    reason: str | None = None
    """Why its backups fail or are partial."""
    trouble_s: float = 0.0
    """For how long it has been failing or gone when the fleet is made."""
    office_hours: bool = False
    """Whether it is switched on in working hours only."""


_NAMES: tuple[tuple[str, Role], ...] = (
    ("web-01", Role.WEB), ("web-02", Role.WEB), ("db-01", Role.DATABASE), ("mail-gw", Role.MAIL),
    ("nas-home", Role.FILES), ("ci-runner-1", Role.BUILD), ("anna-laptop", Role.LAPTOP),
    ("ben-laptop", Role.LAPTOP), ("lab-printer", Role.DEVICE), ("db-02", Role.DATABASE),
    ("git", Role.SERVICE), ("wiki", Role.SERVICE), ("clara-macbook", Role.LAPTOP),
    ("reception-pc", Role.WORKSTATION), ("web-03", Role.WEB), ("monitor-01", Role.SERVICE),
    ("dmitri-thinkpad", Role.LAPTOP), ("cad-ws-01", Role.WORKSTATION), ("dns-01", Role.SERVICE),
    ("files-office", Role.FILES), ("elena-laptop", Role.LAPTOP), ("erp-db", Role.DATABASE),
    ("erp-app", Role.SERVICE), ("door-panel", Role.DEVICE), ("farid-laptop", Role.LAPTOP),
    ("mail-archive", Role.MAIL), ("cad-ws-02", Role.WORKSTATION), ("ci-runner-2", Role.BUILD),
    ("grace-macbook", Role.LAPTOP), ("backup-probe", Role.SERVICE), ("vpn-gw", Role.SERVICE),
    ("photo-studio", Role.WORKSTATION), ("hugo-laptop", Role.LAPTOP), ("web-staging", Role.WEB),
    ("analytics-db", Role.DATABASE), ("ines-laptop", Role.LAPTOP), ("meeting-room-1", Role.DEVICE),
    ("ldap-01", Role.SERVICE), ("jonas-thinkpad", Role.LAPTOP), ("lab-microscope", Role.WORKSTATION),
    ("files-archive", Role.FILES), ("kira-laptop", Role.LAPTOP), ("print-server", Role.SERVICE),
    ("accounting-pc", Role.WORKSTATION), ("chat", Role.SERVICE), ("luis-laptop", Role.LAPTOP),
    ("web-04", Role.WEB), ("db-replica", Role.DATABASE), ("mara-macbook", Role.LAPTOP),
    ("video-edit-01", Role.WORKSTATION), ("ci-runner-3", Role.BUILD), ("meeting-room-2", Role.DEVICE),
    ("nora-laptop", Role.LAPTOP), ("dns-02", Role.SERVICE), ("warehouse-pc", Role.WORKSTATION),
    ("olaf-laptop", Role.LAPTOP), ("proxy-01", Role.SERVICE), ("shop-db", Role.DATABASE),
    ("shop-web", Role.WEB), ("petra-laptop", Role.LAPTOP),
)  # fmt: skip

_PLATFORMS: dict[Role, tuple[str, ...]] = {
    Role.LAPTOP: ("Windows 11", "Ubuntu 24.04", "Fedora 42"),
    Role.WORKSTATION: ("Windows 11", "Windows 10", "Ubuntu 24.04"),
    Role.DEVICE: ("Debian 12 armv7", "Alpine 3.21"),
}
_SERVER_PLATFORMS = ("Debian 12", "Ubuntu 24.04", "Rocky Linux 9")
_EVERY_S: dict[Role, float] = {
    Role.DATABASE: 2 * HOUR_S,
    Role.MAIL: 3 * HOUR_S,
    Role.FILES: 4 * HOUR_S,
    Role.LAPTOP: 4 * HOUR_S,
    Role.WORKSTATION: 4 * HOUR_S,
    Role.DEVICE: DAY_S,
}
_FAILING_REASONS = (
    "no space left on the client's disk while writing the snapshot to /var/lib/tidewatch",
    "the network share //nas-home/projects did not answer",
)
_UNREADABLE_REASONS = ("3 files: permission denied", "2 files: input/output error on /dev/sdb1")
FLAKY_REASONS = (
    "the connection was reset while a file was being sent",
    "the database gave no snapshot in time",
    "the volume shadow copy could not be created",
)


def make_roster(count: int, seed: int) -> tuple[Machine, ...]:
    """Return ``count`` machines, the same ones for the same seed; names are unique."""
    rng = Random(f"{seed}:roster")
    names = [_NAMES[i] if i < len(_NAMES) else (f"node-{i:03d}", Role.SERVICE) for i in range(count)]
    tempers = _tempers(names, rng)
    return tuple(_machine(name, role, tempers.get(name, Temper.STEADY), rng) for name, role in names)


def _tempers(names: list[tuple[str, Role]], rng: Random) -> dict[str, Temper]:
    """Deal the troubles out: a few machines have one each, most have none."""
    laptops = [name for name, role in names if role is Role.LAPTOP]
    devices = [name for name, role in names if role is Role.DEVICE]
    others = [name for name, role in names if role not in (Role.LAPTOP, Role.DEVICE)]
    for pool in (laptops, devices, others):
        rng.shuffle(pool)
    scale = max(1, len(names) // 20)
    wanted = (
        (Temper.NEVER, devices, 1),
        (Temper.GONE, laptops, 1),
        (Temper.SHUT_OUT, devices, 1),
        (Temper.AWAY, laptops, 1 + scale),
        (Temper.FAILING, others, 2),
        (Temper.UNREADABLE, others, 2),
        (Temper.SLOW, others, 1),
        (Temper.FLAKY, others, 1 + scale),
    )
    dealt: dict[str, Temper] = {}
    for temper, pool, number in wanted:
        for _ in range(min(number, max(0, len(pool) - 1))):
            dealt[pool.pop()] = temper
    return dealt


def _machine(name: str, role: Role, temper: Temper, rng: Random) -> Machine:
    every_s = _EVERY_S.get(role, (8 if rng.random() < 0.5 else 4) * HOUR_S)
    goal_s = 3 * DAY_S if role.personal or role is Role.DEVICE else max(DAY_S, 3 * every_s)
    platform = rng.choice(_PLATFORMS.get(role, _SERVER_PLATFORMS))
    if name.endswith("macbook"):
        platform = "macOS 15.5"
    rate_bps = rng.uniform(1.5, 6.0) * MEGABYTE
    reason: str | None = None
    trouble_s = 0.0
    if temper is Temper.FAILING:
        reason, trouble_s = rng.choice(_FAILING_REASONS), rng.uniform(3.2, 6.0) * DAY_S
    elif temper is Temper.UNREADABLE:
        reason, trouble_s = rng.choice(_UNREADABLE_REASONS), 12 * DAY_S
    elif temper is Temper.GONE:
        trouble_s = rng.uniform(5, 9) * DAY_S
    elif temper is Temper.SHUT_OUT:
        trouble_s = rng.uniform(0.4, 1.5) * DAY_S
    elif temper is Temper.SLOW:
        rate_bps = 0.12 * MEGABYTE
    version = rng.choice(("0.1.0", "0.1.0", "0.1.0", "0.0.9"))
    return Machine(
        name=name, role=role, temper=temper, platform=platform, agent_version=version, goal_s=goal_s,
        every_s=every_s, rate_bps=rate_bps, reason=reason, trouble_s=trouble_s,
        office_hours=role.personal,
    )  # fmt: skip
