"""Catalogue and store proved against each other: each content has its file, and the reverse. Blocking."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.catalogue.audit_chain import prove
from app.catalogue.consistency import (
    MAX_FINDINGS,
    KnownContent,
    Problem,
    client_count,
    contents_between,
    leaving,
    opened,
    problems_of,
)
from app.catalogue.search_check import search_findings
from app.store.errors import BadHash, Damaged
from app.store.layout import Layout
from app.store.upkeep import read_through
from streams.failures import TidewatchError

MARK_DAMAGED = "mark it as damaged, so that the next backup sends it again"
SET_ASIDE = "set the file aside"
REBUILD = "make the search index anew, which takes about a minute for each million files"
ACCEPT = "go on with the rows that are there, with one that says so"
MEASURE = "read it, and note its size or mark it as damaged"
PROGRESS_FOLDERS = 32


@dataclass(slots=True)
class Report:
    """What a check has found."""

    problems: list[Problem] = field(default_factory=list[Problem])
    clients: int = 0
    contents: int = 0
    files: int = 0
    missing: dict[str, KnownContent] = field(default_factory=dict[str, KnownContent])
    unknown: list[Path] = field(default_factory=list[Path])
    resized: dict[str, KnownContent] = field(default_factory=dict[str, KnownContent])
    damaged: dict[str, KnownContent] = field(default_factory=dict[str, KnownContent])
    audit_cut: list[str] = field(default_factory=list[str])
    """How the audit record ends before the row that it should have."""

    @property
    def search_wrong(self) -> bool:
        """Whether the search index does not agree with the files."""
        return any(problem.kind == "search" for problem in self.problems)

    @property
    def missing_files(self) -> int:
        """How many contents have no file."""
        return len(self.missing)

    @property
    def unknown_files(self) -> int:
        """How many files belong to no content."""
        return len(self.unknown)

    @property
    def wrong(self) -> int:
        """How much is wrong; problems of one kind are counted, even those that are not told one by one."""
        single = sum(each.count for each in self.problems if each.kind not in ("missing", "unknown"))
        return single + self.missing_files + self.unknown_files


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
        known_to_leave = leaving(database)
        for number, folder in enumerate(layout.folders()):
            if read and number % PROGRESS_FOLDERS == 0:
                progress(f"{number * 100 // 256} % read")
            prefix = bytes([number])
            _compare(report, layout, folder, contents_between(database, prefix, prefix), known_to_leave)
            if read:
                _read_all(report, layout, contents_between(database, prefix, prefix))
        database.execute("ROLLBACK")
        # A running server may have written or removed some of them since the check began.
        _look_again(report, layout, database)
    proof = prove(catalogue)
    report.problems += [Problem("audit", text) for text in proof.broken]
    report.problems += [Problem("audit", text, ACCEPT) for text in proof.cut]
    report.audit_cut = proof.cut
    _tell(report)
    return report


def _compare(
    report: Report, layout: Layout, folder: Path, contents: dict[str, KnownContent], known_to_leave: set[str]
) -> None:
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
                report.unknown.append(file)
                continue
            except FileNotFoundError:
                continue
            sizes[sha256] = size
            if sha256 not in contents and sha256 not in known_to_leave:
                report.unknown.append(file)
    for sha256, content in contents.items():
        size = sizes.get(sha256)
        if size is None:
            # A damaged content was set aside; that is known and waits for being sent again.
            if not content.damaged:
                report.missing[sha256] = content
        elif size != content.stored_bytes and not content.damaged:
            report.resized[sha256] = content


def _read_all(report: Report, layout: Layout, contents: dict[str, KnownContent]) -> None:
    for sha256, content in contents.items():
        if content.damaged or sha256 in report.missing:
            continue
        try:
            read_through(layout, sha256)
        except (Damaged, OSError, TidewatchError) as error:
            report.damaged[sha256] = content
            report.problems.append(
                Problem("content", f"{sha256}: {str(error) or 'cannot be read'}", MARK_DAMAGED)
            )


def _look_again(report: Report, layout: Layout, database: sqlite3.Connection) -> None:
    known_to_leave = leaving(database)

    def known(sha256: str) -> KnownContent | None:
        raw = bytes.fromhex(sha256)
        return contents_between(database, raw, raw).get(sha256)

    def still_unknown(file: Path) -> bool:
        sha256 = file.parent.name + file.name
        try:
            layout.blob(sha256)
        except BadHash:
            return file.exists()
        return file.exists() and known(sha256) is None and sha256 not in known_to_leave

    def still_missing(sha256: str) -> bool:
        content = known(sha256)
        return content is not None and not content.damaged and not layout.blob(sha256).exists()

    def still_resized(sha256: str) -> bool:
        content, path = known(sha256), layout.blob(sha256)
        if content is None or content.damaged or not path.exists():
            return False
        return path.stat().st_size != content.stored_bytes

    report.unknown = [file for file in report.unknown if still_unknown(file)]
    report.missing = {key: each for key, each in report.missing.items() if still_missing(key)}
    report.resized = {key: each for key, each in report.resized.items() if still_resized(key)}


def _tell(report: Report) -> None:
    for sha256 in list(report.missing)[:MAX_FINDINGS]:
        report.problems.append(Problem("missing", f"{sha256}: the store has no file of it", MARK_DAMAGED))
    for file in report.unknown[:MAX_FINDINGS]:
        report.problems.append(Problem("unknown", f"{file}: the catalogue does not know it", SET_ASIDE))
    for sha256, content in report.resized.items():
        text = f"{sha256}: its file does not have the {content.stored_bytes:,} bytes that are noted"
        report.problems.append(Problem("size", text, MEASURE))
    for name, found in (("missing", report.missing), ("unknown", report.unknown)):
        if len(found) > MAX_FINDINGS:
            report.problems.append(Problem(name, f"and {len(found) - MAX_FINDINGS:,} more", "the same"))
