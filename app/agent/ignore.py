"""Names that are left out: gitignore patterns of the command line, the settings, ``.tidewatchignore``.

Patterns come from any user of the machine, so everything about them is bounded: how much is read, how much
holds in one folder, and the processor time that matching takes.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol, Self

import re2

from app.agent.file_system import FileSystem
from app.agent.system.posix import POSIX
from app.agent.wildmatch import NeverMatches, Pattern, parse_line
from streams.model.failures import ConfigRejected

IGNORE_FILE = b".tidewatchignore"
MAX_FILE_BYTES = 64 * 1024
MAX_CHAIN_BYTES = 256 * 1024
"""Of all ignore files that hold in one folder."""
MAX_LINE_BYTES = 4096
MAX_PATTERNS = 2000
GROUP_BYTES = 8 * 1024
"""Patterns that are compiled together; more take more memory than RE2 is given for one expression."""
MAX_REGEX_MEMORY = 4 * 1024 * 1024
FAIR_NS = 100_000
"""Processor time that matching one name against one file may take before it counts as excess."""
MAX_FILE_EXCESS_NS = 1_000_000_000
MAX_EXCESS_NS = 20_000_000_000
"""Of all files; after that a file is dropped at its first slow match."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Regex(Protocol):
    """An expression of RE2."""

    def fullmatch(self, text: bytes, /) -> object | None:
        """Return None where ``text`` does not match as a whole."""
        ...


class CannotApply(Exception):
    """An ignore file that is not applied; says why."""


@dataclass(slots=True)
class Meter:
    """Processor time beyond the fair share that the ignore files of one scan have taken."""

    excess_ns: int = 0


class Rules:
    """The patterns of one ignore file, or of the command line and settings together."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._of_folders = _Groups(patterns)
        self._of_files = _Groups([pattern for pattern in patterns if not pattern.folders_only])

    def match(self, path: bytes, *, folder: bool) -> bool | None:
        """Return whether the last pattern that matches leaves ``path`` out; None where none matches."""
        return (self._of_folders if folder else self._of_files).match(path)


class _Groups:
    """Patterns as few expressions: neighbours of one meaning are joined; compiled when used."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        self._any: list[_Regex] | None = None
        self._groups: list[tuple[_Regex, bool]] | None = None

    def match(self, path: bytes) -> bool | None:
        if self._any is None:
            self._any = _joined(self._patterns)
        if all(regex.fullmatch(path) is None for regex in self._any):
            return None
        if self._groups is None:
            by_meaning = groupby(reversed(self._patterns), key=lambda pattern: pattern.negated)
            self._groups = [(regex, not negated) for negated, same in by_meaning for regex in _joined(same)]
        return next((ignored for regex, ignored in self._groups if regex.fullmatch(path) is not None), None)


class Watch:
    """Finds out which patterns never match; they are mistyped, or mean something else."""

    def __init__(self, patterns: Mapping[int, Pattern], unmatched: set[int]) -> None:
        self._unmatched = unmatched
        self._left = {number: pattern for number, pattern in patterns.items() if number in unmatched}
        self._any: list[_Regex] | None = None
        self._each: dict[int, _Regex] = {}

    def note(self, path: bytes, *, folder: bool) -> None:
        """Take those out that match ``path``."""
        if self._any is None:
            self._any = _joined(self._left.values())
        if all(regex.fullmatch(path) is None for regex in self._any):
            return
        for number, pattern in list(self._left.items()):
            regex = self._each.get(number) or self._each.setdefault(number, _compiled([pattern.regex]))
            if regex.fullmatch(path) is not None and (folder or not pattern.folders_only):
                del self._left[number], self._each[number]
                self._unmatched.discard(number)
                self._any = None


def _joined(patterns: Iterable[Pattern]) -> list[_Regex]:
    """Return expressions of which one matches where any of the patterns does, in their order."""
    joined: list[_Regex] = []
    parts: list[bytes] = []
    size = 0
    for pattern in patterns:
        if parts and size + len(pattern.regex) > GROUP_BYTES:
            joined.append(_compiled(parts))
            parts, size = [], 0
        parts.append(b"(?:" + pattern.regex + b")")
        size += len(pattern.regex)
    if parts:
        joined.append(_compiled(parts))
    return joined


def _compiled(parts: Sequence[bytes]) -> _Regex:
    options = re2.Options()
    # As bytes: a name need not be text.
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = options.never_capture = True
    options.log_errors = False
    options.max_mem = MAX_REGEX_MEMORY
    return re2.compile(b"|".join(parts), options)


@dataclass(slots=True)
class _Applied:
    """Rules in the folder in which they stand, and what matching them has cost."""

    base: bytes
    rules: Rules
    meter: Meter | None = None
    """None for the rules of an operator, which hold whatever they cost."""
    size: int = 0
    watch: Watch | None = None
    excess_ns: int = 0
    dropped: bool = False

    def match(self, path: bytes, *, folder: bool) -> bool | None:
        """Return as ``Rules.match``; patterns of a file that take too long are not matched any more."""
        if self.dropped:
            return None
        inner = path[len(self.base) + (self.base != b"/") :]
        if self.meter is None:
            found = self.rules.match(inner, folder=folder)
            if found is not None and self.watch is not None:
                self.watch.note(inner, folder=folder)
            return found
        began = time.thread_time_ns()
        try:
            return self.rules.match(inner, folder=folder)
        finally:
            excess = time.thread_time_ns() - began - FAIR_NS
            if excess > 0:
                self.excess_ns += excess
                self.meter.excess_ns += excess
                too_long = self.excess_ns > MAX_FILE_EXCESS_NS or self.meter.excess_ns > MAX_EXCESS_NS
                self.dropped = too_long


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns that hold in a folder, from the outermost to the innermost; the last match decides."""

    applied: tuple[_Applied, ...] = ()
    meter: Meter = field(default_factory=Meter)

    @classmethod
    def of(cls, base: bytes, patterns: Sequence[str], unmatched: set[int] | None = None) -> Self:
        """Return the rules of ``patterns`` for everything below ``base``; raise ``ConfigRejected``.

        A pattern that is a whole path below ``base`` is one relative to it. The numbers of those that match
        are taken out of ``unmatched``.
        """
        parsed = parse_patterns([relative_to(base, pattern) for pattern in patterns])
        if not parsed:
            return cls()
        watch = None if unmatched is None else Watch(parsed, unmatched)
        return cls((_Applied(base, Rules(list(parsed.values())), watch=watch),))

    def with_file(self, folder: bytes, content: bytes) -> tuple[Self, list[str]]:
        """Return these rules with those of an ignore file in ``folder`` after them, and what is wrong in it.

        Raise ``CannotApply`` where the file is too large, or what holds in this folder is.
        """
        if len(content) > MAX_FILE_BYTES:
            raise CannotApply(f"it is larger than {MAX_FILE_BYTES // 1024} KiB")
        if len(content) + sum(applied.size for applied in self.applied) > MAX_CHAIN_BYTES:
            raise CannotApply(f"with those above it, it is larger than {MAX_CHAIN_BYTES // 1024} KiB")
        lines = content.removeprefix(BYTE_ORDER_MARK).split(b"\n")
        patterns, wrong = _parsed([line.removesuffix(b"\r") for line in lines])
        if not patterns:
            return self, wrong
        applied = _Applied(folder, Rules(patterns), self.meter, len(content))
        return type(self)((*self.applied, applied), self.meter), wrong

    def __bool__(self) -> bool:
        return bool(self.applied)

    def ignores(self, path: bytes, *, folder: bool) -> bool:
        """Return whether ``path`` is left out (a folder: with all that is in it)."""
        for applied in reversed(self.applied):
            found = applied.match(path, folder=folder)
            if found is not None:
                return found
        return False

    def dropped(self) -> list[bytes]:
        """Return the folders whose patterns were given up as too slow."""
        return [applied.base for applied in self.applied if applied.dropped]


def _parsed(lines: Iterable[bytes]) -> tuple[list[Pattern], list[str]]:
    patterns: list[Pattern] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, start=1):
        if len(patterns) == MAX_PATTERNS:
            wrong.append(f"line {number} and all after it are skipped: more than {MAX_PATTERNS:,} patterns")
            break
        try:
            pattern = parse_line(line) if len(line) <= MAX_LINE_BYTES else None
        except NeverMatches as error:
            wrong.append(f"line {number} matches nothing: {error}")
            continue
        if len(line) > MAX_LINE_BYTES:
            wrong.append(f"line {number} is skipped: longer than {MAX_LINE_BYTES:,} bytes")
        elif pattern is not None:
            patterns.append(pattern)
    return patterns, wrong


def relative_to(base: bytes, pattern: str) -> str:
    """Return a pattern that is a whole path below ``base`` as one that is relative to it, others as given."""
    negated, path = pattern.startswith("!"), pattern.removeprefix("!")
    above = os.fsdecode(base)
    if above == "/" or not path.startswith(f"{above}/") or path == f"{above}/":
        return pattern
    return f"{'!' if negated else ''}{path[len(above) :]}"


def compile_patterns(texts: Iterable[str]) -> Rules | None:
    """Return patterns of an operator, None where there are none; raise ``ConfigRejected`` for a bad one."""
    patterns = parse_patterns(texts)
    return Rules(list(patterns.values())) if patterns else None


def parse_patterns(texts: Iterable[str]) -> dict[int, Pattern]:
    """Return patterns of an operator by their place among all; raise ``ConfigRejected`` for a bad one."""
    patterns: dict[int, Pattern] = {}
    for number, text in enumerate(texts):
        try:
            pattern = parse_line(text.encode("utf-8", "surrogateescape"))
        except NeverMatches as error:
            raise ConfigRejected(
                f"The pattern {text!r} matches nothing: {error}.", hint="See gitignore(5)."
            ) from None
        if pattern is not None:
            patterns[number] = pattern
    return patterns


def read_ignore_file(folder: int, file_system: FileSystem = POSIX) -> bytes | None:
    """Return the patterns of an open folder; None where it has no ignore file."""
    try:
        if stat.S_ISDIR(file_system.stat(IGNORE_FILE, folder).st_mode):
            return None
        file = file_system.open_file(IGNORE_FILE, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
            raise CannotApply("it is no regular file") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise CannotApply("it is no regular file")
        parts: list[bytes] = []
        left = MAX_FILE_BYTES + 1
        while left and (data := os.read(file, left)):
            parts.append(data)
            left -= len(data)
        return b"".join(parts)
    finally:
        os.close(file)
