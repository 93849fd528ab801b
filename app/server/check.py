"""Catalogue and store proved against each other: each content has its file, and the reverse. Blocking."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.catalogue.audit_chain import prove
from app.catalogue.consistency import (
    MAX_FINDINGS,
    KnownContent,
    Problem,
    client_count,
    contents_between,
    leaving_between,
    opened,
    problems_of,
)
from app.catalogue.search_check import search_findings
from app.store.errors import BadHash, Damaged
from app.store.layout import Layout
from app.store.maintenance import read_through
from streams.model.failures import TidewatchError

MARK_DAMAGED = "mark it as damaged, so that the next backup sends it again"
SET_ASIDE = "set the file aside"
REBUILD = "make the search index anew, which takes about a minute for each million files"
ACCEPT = "go on with the rows that are there, with one that says so"
MEASURE = "read it, and note its size or mark it as damaged"
PROGRESS_FOLDERS = 32
MAX_KEPT = 100_000
"""Findings of one kind that are kept for a repair; of more it repairs these, and says that some are left."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Findings(Generic[K, V]):
    """Findings of one kind: the first of them, and how many more there are."""

    first: dict[K, V] = field(default_factory=dict[K, V])
    beyond: int = 0

    def add(self, key: K, value: V) -> None:
        """Note a finding; only counted where there are too many already."""
        if len(self.first) < MAX_KEPT:
            self.first[key] = value
        else:
            self.beyond += 1

    def keep(self, still: Callable[[K], bool]) -> None:
        """Drop those that are not so any more."""
        self.first = {key: value for key, value in self.first.items() if still(key)}

    def __len__(self) -> int:
        return len(self.first) + self.beyond


def _findings() -> Findings[str, KnownContent]:
    return Findings()


def _files() -> Findings[Path, None]:
    return Findings()


def _damages() -> Findings[str, tuple[KnownContent, str]]:
    return Findings()


@dataclass(slots=True)
class Report:
    """What a check has found."""

    problems: list[Problem] = field(default_factory=list[Problem])
    clients: int = 0
    contents: int = 0
    files: int = 0
    missing: Findings[str, KnownContent] = field(default_factory=_findings)
    unknown: Findings[Path, None] = field(default_factory=_files)
    resized: Findings[str, KnownContent] = field(default_factory=_findings)
    damaged: Findings[str, tuple[KnownContent, str]] = field(default_factory=_damages)
    """With the reason why its bytes are not those of its hash."""
    audit_cut: list[str] = field(default_factory=list[str])
    """How the audit record ends before the row that it should have."""

    @property
    def search_wrong(self) -> bool:
        """Whether the search index does not agree with the files."""
        return any(problem.kind == "search" for problem in self.problems)

    @property
    def wrong(self) -> int:
        """How much is wrong; problems of one kind are counted, even those that are not told one by one."""
        return sum(each.count for each in self.problems)

    @property
    def beyond(self) -> int:
        """How many findings are only counted: a repair leaves them to the next one."""
        return sum(each.beyond for each in (self.missing, self.unknown, self.resized, self.damaged))


def check(
    catalogue: Path, store: Path, *, read: bool = False, progress: Callable[[str], None] = lambda _: None
) -> Report:
    """Return what is wrong; with ``read`` every stored byte is read and its hash checked."""
    report, layout = Report(), Layout(store)
    with opened(catalogue) as database:
        database.execute("PRAGMA query_only = ON")
        database.execute("BEGIN")
        report.problems += problems_of(database)
        if any(each.kind == "catalogue" and "the file is damaged" in each.text for each in report.problems):
            return report
        report.clients = client_count(database)
        found = search_findings(database, thorough=read)
        report.problems += [Problem("search", text, REBUILD) for text in found]
        # Reading the store may take hours. With a moment held, the log of a running server could only grow.
        database.execute("ROLLBACK")
        for number, folder in enumerate(layout.folders()):
            if read and number % PROGRESS_FOLDERS == 0:
                progress(f"{number * 100 // 256} % read")
            prefix = bytes([number])
            contents = contents_between(database, prefix, prefix)
            there = _compare(report, layout, folder, contents, leaving_between(database, prefix, prefix))
            if read:
                _read_all(report, layout, {key: contents[key] for key in contents.keys() & there}, database)
        # A running server may have written or removed some of them since they were looked at.
        _look_again(report, layout, database)
    proof = prove(catalogue)
    report.problems += [Problem("audit", text) for text in proof.broken]
    report.problems += [Problem("audit", text, ACCEPT) for text in proof.cut]
    report.audit_cut = proof.cut
    _tell(report)
    return report


def _compare(
    report: Report, layout: Layout, folder: Path, contents: dict[str, KnownContent], known_to_leave: set[str]
) -> Collection[str]:
    """Compare a folder with the contents that belong there; return the hashes of its files."""
    report.contents += len(contents)
    sizes: dict[str, int] = {}
    if folder.is_dir():
        for file in folder.iterdir():
            report.files += 1
            sha256 = folder.name + file.name
            try:
                layout.blob(sha256)
                size = file.lstat().st_size
            except BadHash:
                report.unknown.add(file, None)
                continue
            except FileNotFoundError:
                continue
            sizes[sha256] = size
            if sha256 not in contents and sha256 not in known_to_leave:
                report.unknown.add(file, None)
    for sha256, content in contents.items():
        size = sizes.get(sha256)
        if size is None:
            # A damaged content was set aside; that is known and waits for being sent again.
            if not content.damaged:
                report.missing.add(sha256, content)
        elif size != content.stored_bytes and not content.damaged:
            report.resized.add(sha256, content)
    return sizes.keys()


def _read_all(
    report: Report, layout: Layout, contents: dict[str, KnownContent], database: sqlite3.Connection
) -> None:
    for sha256, content in contents.items():
        if content.damaged or not _damage(layout, sha256):
            continue
        now = _known(database, sha256)
        if now is None or now.damaged:
            continue
        # A running server may have removed it, or replaced it while it was read.
        if not layout.blob(sha256).exists():
            report.missing.add(sha256, now)
        elif reason := _damage(layout, sha256):
            report.damaged.add(sha256, (now, reason))


def _damage(layout: Layout, sha256: str) -> str:
    """Return why the bytes of a content are not those of its hash, empty where they are."""
    try:
        read_through(layout, sha256)
    except (Damaged, OSError, TidewatchError) as error:
        return str(error) or "cannot be read"
    return ""


def _known(database: sqlite3.Connection, sha256: str) -> KnownContent | None:
    raw = bytes.fromhex(sha256)
    return contents_between(database, raw, raw).get(sha256)


def _look_again(report: Report, layout: Layout, database: sqlite3.Connection) -> None:
    def still_unknown(file: Path) -> bool:
        sha256 = file.parent.name + file.name
        try:
            layout.blob(sha256)
        except BadHash:
            return file.exists()
        raw = bytes.fromhex(sha256)
        if _known(database, sha256) is not None or leaving_between(database, raw, raw):
            return False
        return file.exists()

    def good(sha256: str) -> KnownContent | None:
        content = _known(database, sha256)
        return None if content is None or content.damaged else content

    # Asked before and after: in between a server may have removed or replaced it.
    def still_missing(sha256: str) -> bool:
        return bool(good(sha256) and not layout.blob(sha256).exists() and good(sha256))

    def still_resized(sha256: str) -> bool:
        before = good(sha256)
        try:
            size = layout.blob(sha256).stat().st_size
        except FileNotFoundError:
            return False
        after = good(sha256)
        return (
            before is not None and after is not None and size not in (before.stored_bytes, after.stored_bytes)
        )

    def still_damaged(sha256: str) -> bool:
        return good(sha256) is not None and layout.blob(sha256).exists()

    report.unknown.keep(still_unknown)
    report.missing.keep(still_missing)
    report.resized.keep(still_resized)
    report.damaged.keep(still_damaged)


def _tell(report: Report) -> None:
    def tell(kind: str, found: Findings[K, Any], text: Callable[[K], str], remedy: str) -> None:
        told = list(islice(found.first, MAX_FINDINGS))
        report.problems += [Problem(kind, text(key), remedy) for key in told]
        if left := len(found) - len(told):
            report.problems.append(Problem(kind, f"and {left:,} more", remedy, count=left))

    def resized(sha256: str) -> str:
        noted = report.resized.first[sha256].stored_bytes
        return f"{sha256}: its file does not have the {noted:,} bytes that are noted"

    def damaged(sha256: str) -> str:
        return f"{sha256}: {report.damaged.first[sha256][1]}"

    tell("missing", report.missing, lambda sha256: f"{sha256}: the store has no file of it", MARK_DAMAGED)
    tell("unknown", report.unknown, lambda file: f"{file}: the catalogue does not know it", SET_ASIDE)
    tell("size", report.resized, resized, MEASURE)
    tell("content", report.damaged, damaged, MARK_DAMAGED)
