"""File trees of the simulated machines, and their changes from one backup to the next."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from random import Random

from app.fleet.content import SimFile
from app.fleet.roster import DAY_S, Machine, Role

KIB = 1024
MIB = 1024 * 1024
_SPREAD = 1.0
_FILE_CAP_BYTES = 12 * MIB

_MEDIANS: dict[str, int] = {
    "jpg": 60 * KIB, "png": 40 * KIB, "mp4": 900 * KIB, "pdf": 50 * KIB, "docx": 24 * KIB, "xlsx": 20 * KIB,
    "pptx": 90 * KIB, "log": 30 * KIB, "gz": 80 * KIB, "zip": 120 * KIB, "sql": 240 * KIB, "db": 160 * KIB,
    "sqlite": 90 * KIB, "eml": 9 * KIB, "tif": 280 * KIB, "dwg": 150 * KIB, "tar": 500 * KIB, "so": 70 * KIB,
    "csv": 24 * KIB,
}  # fmt: skip
_PEOPLE = ("anna", "ben", "clara", "dmitri", "elena", "farid", "grace", "hugo", "ines", "jonas")
_TOPICS = (
    "Budget", "Offer", "Invoice", "Minutes", "Roadmap", "Contract", "Travel", "Inventory", "Survey",
    "Training", "Überweisung", "Réunion", "年度報告", "Отчёт", "Ψηφοφορία", "Rechnung Müller & Söhne",
    "Notes (old)", "Plan B",
)  # fmt: skip
_SHARED_COUNT = 70
_SHARED_FIXED: tuple[tuple[str, int], ...] = (
    ("/opt/tools/toolchain-13.2.tar", 14 * MIB),
    ("/opt/tools/agent-installer.zip", 3 * MIB),
    ("/usr/lib/locale/locale-archive", 2900 * KIB),
    ("/usr/share/dict/words", 960 * KIB),
    ("/etc/ssl/certs/ca-certificates.crt", 214 * KIB),
)


def _person(machine: Machine, rng: Random) -> str:
    first = machine.name.split("-")[0]
    return first if machine.role is Role.LAPTOP else rng.choice(_PEOPLE)


def _document(rng: Random) -> str:
    folder = rng.choice(("Documents", "Documents/2024", "Documents/2025", "Desktop", "Projects/Tender"))
    suffix = rng.choice(("pdf", "docx", "xlsx", "pptx", "txt", "md", "csv"))
    return f"{folder}/{rng.choice(_TOPICS)} {rng.randint(1, 60)}.{suffix}"


def _photo(rng: Random) -> str:
    album = rng.choice(("2024-08 Lisbon", "2025-01 Snow", "2025-05 Garden", "Camera"))
    return f"Pictures/{album}/IMG_{rng.randint(1000, 9999)}.jpg"


def _web(rng: Random) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return f"/var/log/nginx/{rng.choice(('access', 'error'))}.log.{rng.randint(1, 14)}.gz"
    if kind == 1:
        return f"/etc/nginx/sites-available/{rng.choice(_TOPICS[:10]).lower()}-{rng.randint(1, 9)}.conf"
    if kind == 2:
        month = f"{rng.randint(2023, 2025)}/{rng.randint(1, 12):02d}"
        return f"/srv/www/uploads/{month}/img-{rng.randint(1, 9999)}.png"
    return f"/srv/www/html/page-{rng.randint(1, 400)}.html"


def _database(rng: Random) -> str:
    base = rng.choice(("orders", "customers", "sessions", "ledger"))
    return rng.choice(
        (
            f"/var/backups/postgres/{base}-{rng.randint(1, 40):02d}.sql",
            f"/var/lib/postgresql/16/base/{rng.randint(16384, 16999)}.db",
            f"/var/log/postgresql/postgresql-{rng.randint(1, 31):02d}.log",
            f"/etc/postgresql/16/main/conf.d/{base}-{rng.randint(1, 9)}.conf",
        )
    )


def _mail(rng: Random) -> str:
    user = rng.choice(_PEOPLE)
    return f"/var/vmail/{user}/{rng.choice(('cur', 'Archive', 'Sent'))}/{rng.randint(10**9, 2 * 10**9)}.eml"


def _share(rng: Random) -> str:
    top = rng.choice(("Finance", "Projects", "Marketing", "Personnel"))
    return f"/srv/share/{top}/{rng.choice(('2023', '2024', '2025'))}/" + _document(rng).rpartition("/")[2]


def _build(rng: Random) -> str:
    job = rng.choice(("console", "agent", "website", "firmware"))
    return rng.choice(
        (
            f"/var/lib/ci/{job}/build-{rng.randint(100, 999)}.log",
            f"/var/lib/ci/{job}/artifact-{rng.randint(100, 999)}.zip",
            f"/var/lib/ci/{job}/junit-{rng.randint(100, 999)}.xml",
            f"/var/lib/ci/cache/lib{job}{rng.randint(1, 99)}.so",
        )
    )


def _service(rng: Random) -> str:
    return rng.choice(
        (
            f"/etc/{rng.choice(('app', 'sso', 'proxy', 'cron'))}.d/{rng.randint(10, 99)}-local.conf",
            f"/var/log/syslog.{rng.randint(1, 30)}.gz",
            f"/var/lib/service/data-{rng.randint(1, 60)}.sqlite",
            f"/srv/service/files/{rng.randint(1000, 9999)}.{rng.choice(('pdf', 'png', 'json', 'yaml'))}",
        )
    )


def _device(rng: Random) -> str:
    return rng.choice(
        (
            f"/data/log/device-{rng.randint(1, 40):02d}.log",
            f"/data/config/profile-{rng.randint(1, 20)}.ini",
            f"/data/firmware/image-1.{rng.randint(0, 9)}.tar",
        )
    )


def _studio(rng: Random) -> str:
    if rng.random() < 0.5:
        return _document(rng)
    return rng.choice(
        (
            f"Projects/Scans/slide-{rng.randint(1, 300):03d}.tif",
            f"Projects/Drawings/part-{rng.randint(100, 999)}.dwg",
            f"Videos/cut-{rng.randint(1, 40)}.mp4",
        )
    )


_MAKERS = {
    Role.WEB: _web, Role.DATABASE: _database, Role.MAIL: _mail, Role.FILES: _share, Role.BUILD: _build,
    Role.SERVICE: _service, Role.DEVICE: _device, Role.WORKSTATION: _studio,
}  # fmt: skip
_COUNTS: dict[Role, tuple[int, int]] = {
    Role.FILES: (50, 70), Role.MAIL: (50, 70), Role.DEVICE: (8, 14), Role.SERVICE: (14, 24),
}  # fmt: skip
_USUAL_COUNT = (16, 30)
_CHANGES_A_DAY: dict[Role, float] = {
    Role.WEB: 1.5, Role.DATABASE: 2.5, Role.MAIL: 4, Role.FILES: 2.5, Role.BUILD: 2, Role.SERVICE: 1,
    Role.LAPTOP: 1.5, Role.WORKSTATION: 1.5, Role.DEVICE: 0.5,
}  # fmt: skip
"""How many files are written on a machine of a role in a day."""
_WRITTEN_CAP_BYTES = 2 * MIB
_REWRITTEN_RATIO = 0.6
"""How many of them were there before."""
_REMOVED_RATIO = 0.6
"""For how many new files an old one goes."""
_HAVE_IMAGES = (Role.DATABASE, Role.FILES, Role.BUILD, Role.WORKSTATION)
_IMAGES_A_DAY = 0.006


def new_path(machine: Machine, rng: Random) -> str:
    """Return a path such as a machine of this role has."""
    if machine.role is Role.LAPTOP:
        return f"/home/{_person(machine, rng)}/{_photo(rng) if rng.random() < 0.35 else _document(rng)}"
    if machine.role is Role.WORKSTATION:
        return f"/home/{_person(machine, rng)}/{_studio(rng)}"
    return _MAKERS[machine.role](rng)


def new_size(path: str, rng: Random) -> int:
    """Return a size such as a file of this type has: log-normal, capped, now and then empty."""
    median = _MEDIANS.get(PurePosixPath(path).suffix.lstrip(".").lower(), 3 * KIB)
    if median < 4 * KIB and rng.random() < 0.02:
        return 0
    return min(_FILE_CAP_BYTES, max(1, round(median * math.exp(rng.gauss(0, _SPREAD)))))


@lru_cache(maxsize=8)
def _shared_pool(personal: bool, seed: int) -> tuple[tuple[str, int], ...]:
    """Return paths and sizes of what many machines have: a team's folder, or what a distribution brings."""
    rng = Random(f"{seed}:shared:{personal}")
    pool: dict[str, int] = {} if personal else dict(_SHARED_FIXED)
    while len(pool) < _SHARED_COUNT:
        if personal:
            path = "Team/" + _document(rng).partition("/")[2]
        else:
            path = rng.choice(
                (
                    f"/usr/share/doc/lib{rng.choice('abcdefgh')}{rng.randint(1, 40)}/changelog.gz",
                    f"/usr/lib/x86_64-linux-gnu/lib{rng.choice('abcdefgh')}{rng.randint(1, 60)}.so",
                    f"/usr/share/zoneinfo/{rng.choice(('Europe', 'Asia'))}/zone-{rng.randint(1, 90)}",
                    f"/etc/default/{rng.choice(('cron', 'ssh', 'ntp', 'nfs'))}-{rng.randint(1, 20)}.conf",
                )
            )
        pool[path] = new_size(path, rng)
    return tuple(pool.items())


def make_tree(machine: Machine, seed: int, now_s: float) -> dict[str, SimFile]:
    """Return the files of ``machine`` as of ``now_s`` (seconds since 1970), by path."""
    rng = Random(f"{seed}:tree:{machine.name}")
    tree: dict[str, SimFile] = {}
    home = f"/home/{_person(machine, rng)}/" if machine.role.personal else ""
    pool = () if machine.role is Role.DEVICE else _shared_pool(machine.role.personal, seed)
    for number, (path, size) in enumerate(pool):
        if rng.random() < 0.7:
            mtime_ns = round((now_s - (100 + number) * DAY_S) * 1e9)
            tree[home + path] = SimFile(home + path, size, mtime_ns, shared=path)
    for _ in range(rng.randint(*_COUNTS.get(machine.role, _USUAL_COUNT))):
        path = new_path(machine, rng)
        age_s = min(700 * DAY_S, rng.lognormvariate(math.log(40), 1.3) * DAY_S)
        tree[path] = SimFile(path, new_size(path, rng), round((now_s - age_s) * 1e9))
    return tree


@dataclass(frozen=True, slots=True)
class Change:
    """What has happened on a machine's disk since its last backup."""

    written: tuple[SimFile, ...]
    """New files, and old ones with new bytes."""
    vanished: tuple[str, ...]


def drift(
    machine: Machine,
    tree: dict[str, SimFile],
    rng: Random,
    *,
    since_s: float,
    now_s: float,
    factor: float = 1.0,
) -> Change:
    """Make up what people and programs did to ``tree`` between two moments; ``tree`` stays as it is."""
    days = max(0.0, now_s - since_s) / DAY_S * factor
    old = [path for path, file in tree.items() if not file.shared]
    written: dict[str, SimFile] = {}
    gone: set[str] = set()
    for _ in range(_poisson(_CHANGES_A_DAY[machine.role] * days, rng)):
        mtime_ns = round(rng.uniform(since_s, now_s) * 1e9)
        if old and rng.random() < _REWRITTEN_RATIO:
            path = rng.choice(old)
            size = max(1, round(tree[path].size_bytes * rng.uniform(0.9, 1.15)))
            written[path] = SimFile(path, min(size, _WRITTEN_CAP_BYTES), mtime_ns)
            continue
        path = new_path(machine, rng)
        written[path] = SimFile(path, min(new_size(path, rng), _WRITTEN_CAP_BYTES), mtime_ns)
        if old and rng.random() < _REMOVED_RATIO:
            gone.add(rng.choice(old))
    if machine.role in _HAVE_IMAGES:
        for _ in range(_poisson(_IMAGES_A_DAY * days, rng)):
            path = f"/var/backups/image-{rng.randint(1, 5)}.{rng.choice(('qcow2', 'tar', 'iso'))}"
            mtime_ns = round(rng.uniform(since_s, now_s) * 1e9)
            written[path] = SimFile(path, rng.randint(4, 12) * MIB, mtime_ns)
    return Change(tuple(written.values()), tuple(sorted(gone - written.keys())))


def _poisson(mean: float, rng: Random) -> int:
    """Draw how many of a rate's events fall into a time in which ``mean`` are expected."""
    count, at = 0, rng.expovariate(1.0)
    while at < mean:
        count += 1
        at += rng.expovariate(1.0)
    return count
