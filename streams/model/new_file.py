"""A file that gets its name once it is whole, on any disk, and never in the place of another one."""

import errno
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from streams.model.failures import CommandFailed

OTHER_PLACE = "Choose another folder."
_REASONS = {
    errno.ENOENT: ("the folder does not exist", OTHER_PLACE),
    errno.ENOTDIR: ("a part of its path is no folder", OTHER_PLACE),
    errno.EACCES: ("this user may not write there", OTHER_PLACE),
    errno.EPERM: ("this user may not write there", OTHER_PLACE),
    errno.EROFS: ("the disk is read-only", OTHER_PLACE),
    errno.ENOSPC: ("the disk is full", "Make room, or choose another disk."),
    errno.EDQUOT: ("the disk quota is used up", "Make room, or choose another disk."),
    errno.EFBIG: ("the disk takes no file of this size", "FAT takes 4 GiB. Choose another disk."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
    errno.EINVAL: ("the disk does not take this name", "Choose a name of letters and digits."),
}
_NOT_SYNCED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What a file system without ``fsync`` says to it."""


def not_written(target: Path, error: OSError) -> CommandFailed:
    """Return the failure that names the file and the reason."""
    if isinstance(error, FileExistsError):
        return CommandFailed(f"{target}: already exists.", code="file_exists", hint="Choose another name.")
    known = _REASONS.get(error.errno or 0)
    reason, hint = known or (error.strerror or str(error), OTHER_PLACE)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return CommandFailed(
        f"{target}: cannot be written: {reason}.", code="disk_full" if full else "not_written", hint=hint
    )


class NewFile:
    """Written beside its target under another name until ``publish``; leaving the block before removes it.

    Every failure of the disk is raised as CommandFailed, which names the target.
    """

    def __init__(self, target: Path, *, numbered: bool = False) -> None:
        self.target = target
        self._numbered = numbered
        """Whether a name that is taken is followed by ``a (2).txt`` and so on, instead of a failure."""
        self._part: Path | None = None
        self.file: BinaryIO
        with self.failures():
            _try_name(next(self._free_names()))
            # Of its own name, since one beside a long name would be too long.
            descriptor, name = tempfile.mkstemp(prefix=".tidewatch-", suffix=".part", dir=target.parent)
            self._part, self.file = Path(name), os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @contextmanager
    def failures(self) -> Generator[None]:
        """Raise what the disk refuses as CommandFailed."""
        try:
            yield
        except OSError as error:
            raise not_written(self.target, error) from error

    def write(self, data: bytes) -> None:
        """Write further bytes."""
        with self.failures():
            self.file.write(data)

    def publish(self) -> Path:
        """Give the file its name once all of it is on the disk; return that name."""
        part = self._part
        assert part is not None
        with self.failures():
            self.file.flush()
            _sync(self.file.fileno())
            self.file.close()
            for name in self._free_names():
                try:
                    _move_to_new(part, name)
                except FileExistsError:  # it came meanwhile
                    if not self._numbered:
                        raise
                    continue
                return name
        raise AssertionError("names do not end")

    def discard(self) -> None:
        """Remove what has no name of its own yet."""
        part, self._part = self._part, None
        if part is not None:
            with suppress(OSError):  # a full disk refuses what is still in the buffer, once more
                self.file.close()
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _free_names(self) -> Iterator[Path]:
        return numbered(self.target) if self._numbered else iter((self.target,))


def make_folder(target: Path) -> None:
    """Make the folder that a file is to be in; raise CommandFailed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise not_written(target, NotADirectoryError(errno.ENOTDIR, "")) from error
    except OSError as error:
        raise not_written(target, error) from error


def numbered(target: Path) -> Iterator[Path]:
    """Yield the names like ``target`` that nothing has yet: ``a.txt``, ``a (2).txt`` and so on."""
    name, number = target, 2
    while True:
        if not os.path.lexists(name):
            yield name
        name = target.with_stem(f"{target.stem} ({number})")
        number += 1


def _try_name(name: Path) -> None:
    """Raise what the disk says to this name now, not after an hour of writing."""
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    name.unlink()


def _move_to_new(part: Path, name: Path) -> None:
    """Move ``part`` to a name that nothing has; raise FileExistsError."""
    try:
        os.link(part, name)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # FAT, exFAT and many network disks have no hard links, and each says so in its own way
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        part.replace(name)
    except OSError:
        name.unlink()
        raise


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise
