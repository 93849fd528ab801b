"""The patterns that hold in a folder: the given ones, and those of the ignore files on the way to it."""

from collections.abc import Sequence

from app.agent.file_system import FileSystem
from app.agent.found import Step
from app.agent.ignore import IGNORE_FILE, CannotApply, Ignore, parse_patterns, read_ignore_file
from app.agent.names import join, reason_of


class FolderRules:
    """Finds the rules of folders, and tells what is wrong with them."""

    def __init__(self, patterns: Sequence[str], file_system: FileSystem) -> None:
        self._patterns, self._file_system = tuple(patterns), file_system
        self._unmatched = set(parse_patterns(self._patterns))
        self._told_slow: set[bytes] = set()

    def of_root(self, path: bytes) -> Ignore:
        """Return the rules of a PATH, without those of its own ignore file."""
        return Ignore.of(path, self._patterns, self._unmatched)

    def unmatched(self) -> list[str]:
        """Return the patterns that have matched no name so far."""
        return [self._patterns[number] for number in sorted(self._unmatched)]

    def of(self, folder: bytes, ignore: Ignore, descriptor: int, step: Step) -> Ignore:
        """Return the rules with those of the folder's ignore file, where it has one."""
        path = join(folder, IGNORE_FILE)
        try:
            content = read_ignore_file(descriptor, self._file_system)
            if content is None:
                return ignore
            ignore, wrong = ignore.with_file(folder, content)
        except OSError as error:
            step.failed.append((path, f"its patterns are not applied: {reason_of(error)}"))
        except CannotApply as error:
            step.ignore_problems.append((path, f"its patterns are not applied: {error}"))
        else:
            step.ignore_problems += [(path, what) for what in wrong]
        return ignore

    def tell_slow(self, ignore: Ignore, step: Step) -> None:
        """Tell of ignore files that are not applied any more, each once."""
        for folder in ignore.dropped():
            if folder not in self._told_slow:
                self._told_slow.add(folder)
                path = join(folder, IGNORE_FILE)
                step.ignore_problems.append((path, "its patterns take too long; they are not applied"))
