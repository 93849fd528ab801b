"""Which names are left out: gitignore patterns of the command line, the settings, ``.tidewatchignore``."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import pathspec
from pathspec.patterns.gitignore import GitIgnorePatternError

from streams.failures import ConfigRejected

IGNORE_FILE = b".tidewatchignore"
MAX_IGNORE_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns that stand in one folder."""

    base: bytes
    """Length matters only: paths are matched relative to this folder."""
    spec: pathspec.GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns that hold in a folder, from the outermost to the innermost; the last match decides."""

    rules: tuple[_Rules, ...] = ()

    @classmethod
    def of(cls, base: bytes, patterns: Iterable[str]) -> Self:
        """Return the rules of ``patterns`` for everything below ``base``; raise ``ConfigRejected``."""
        spec = compiled(patterns)
        return cls((_Rules(base, spec),)) if spec else cls()

    def with_file(self, folder: bytes, content: bytes) -> Self:
        """Return these rules with those of an ignore file in ``folder`` after them."""
        spec = compiled(os.fsdecode(content).splitlines())
        return type(self)((*self.rules, _Rules(folder, spec))) if spec else self

    def __bool__(self) -> bool:
        return bool(self.rules)

    def ignores(self, path: bytes, *, folder: bool) -> bool:
        """Return whether ``path`` is left out (a folder: with all that is in it)."""
        for rules in reversed(self.rules):
            start = len(rules.base) + (rules.base != b"/")
            found = rules.spec.check_file(text_of(path[start:], folder=folder)).include
            if found is not None:
                return found
        return False


def text_of(path: bytes, *, folder: bool) -> str:
    """Return a relative path as the text that patterns are held against."""
    # A pattern cannot hold a line break, and must not match the name before one.
    text = os.fsdecode(path).replace("\n", "\ue000")
    return text + "/" if folder else text


def compiled(lines: Iterable[str]) -> pathspec.GitIgnoreSpec | None:
    """Return the patterns of ``lines``, None where there are none; raise ``ConfigRejected``."""
    # For git ``x/**`` is what is inside x and not x itself; said so that x can still be walked into.
    wanted = [line + "/*" if line.rstrip().endswith("/**") else line for line in lines]
    # The other backends, used where they happen to be installed, fail on names that are not UTF-8.
    try:
        spec = pathspec.GitIgnoreSpec.from_lines(wanted, backend="simple")
    except GitIgnorePatternError as error:
        raise ConfigRejected(f"{error}.", hint="See gitignore(5).") from None
    return spec if any(pattern.include is not None for pattern in spec.patterns) else None
