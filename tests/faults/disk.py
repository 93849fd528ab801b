"""A disk that may lose what was not synced: the recording of a program is played onto it.

A file's bytes are safe after a sync of it, its name after a sync of its folder. A failed sync makes nothing
safe, and the system then takes the bytes for written: a second sync of the same file says nothing of them.
"""

import hashlib
import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from tests.faults.layer import Op

_HEAD = struct.Struct("<IiiIII QQQ")
_CREATES, _EMPTIES, _FOLDER = 1, 2, 4


class Loss(StrEnum):
    """What a power cut leaves, or a kill."""

    NONE = "none"
    """Everything: only the program has ended."""
    LOST = "lost"
    """Nothing that was not synced."""
    TORN = "torn"
    """All names and sizes, with zeros for the bytes that were not synced."""
    SOME = "some"
    """Some of the names, and the first of the writes to each file."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One recorded operation; numbers count from 1."""

    number: int
    op: Op
    descriptor: int
    flags: int
    path: str
    other: str
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Operation]:
    """Yield what was recorded."""
    raw, at = path.read_bytes() if path.exists() else b"", 0
    while at < len(raw):
        op, descriptor, flags, path_bytes, other_bytes, pid, offset, size, number = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        descriptor += pid << 20  # of one program
        ends = at + path_bytes, at + path_bytes + other_bytes, at + path_bytes + other_bytes + size
        name, other = os.fsdecode(raw[at : ends[0]]), os.fsdecode(raw[ends[0] : ends[1]])
        yield Operation(number, Op(op), descriptor, flags, name, other, offset, raw[ends[1] : ends[2]])
        at = ends[2]


Change = tuple[int, bytes | None]
"""Bytes at an offset, or a new size."""


def _apply(data: bytearray, change: Change) -> None:
    offset, content = change
    end = offset if content is None else offset + len(content)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if content is None:
        del data[offset:]
    else:
        data[offset:end] = content


@dataclass(slots=True)
class _File:
    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    since: list[Change] = field(default_factory=list[Change])

    def change(self, change: Change) -> None:
        _apply(self.now, change)
        self.since.append(change)

    def sync(self, *, failed: bool) -> None:
        if not failed:
            safe = bytearray(self.safe)
            for change in self.since:
                _apply(safe, change)
            self.safe = bytes(safe)
        self.since.clear()

    def left(self, loss: Loss, chance: random.Random) -> bytes:
        if loss is Loss.NONE:
            return bytes(self.now)
        if loss is Loss.LOST or not self.since:
            return self.safe
        if loss is Loss.TORN:
            return self.safe[: len(self.now)] + bytes(max(0, len(self.now) - len(self.safe)))
        kept = bytearray(self.safe)
        for change in self.since[: chance.randint(0, len(self.since))]:
            _apply(kept, change)
        return bytes(kept)


class Disk:
    """The files below a folder, as they are and as far as they are safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, _File] = {}
        self._folders: set[str] = set()
        for folder, below, files in os.walk(root):
            self._folders |= {self._name(os.path.join(folder, name)) for name in below}  # noqa: PTH118
            for name in files:
                data = Path(folder, name).read_bytes()
                self._names[self._name(os.path.join(folder, name))] = _File(bytearray(data), data)  # noqa: PTH118
        self._safe_names, self._safe_folders = dict(self._names), set(self._folders)
        self._files: dict[int, _File] = {}
        self._opened: dict[int, str] = {}

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._root)

    def play(self, done: Operation) -> None:
        """Do what was recorded."""
        name = self._name(done.path) if done.path else ""
        file = self._files.get(done.descriptor)
        match done.op:
            case Op.OPEN:
                self._open(done, name)
            case Op.CLOSE:
                self._files.pop(done.descriptor, None)
                self._opened.pop(done.descriptor, None)
            case Op.WRITE if file is not None:
                file.change((done.offset, done.data))
            case Op.TRUNCATE if file is not None:
                file.change((done.offset, None))
            case Op.SYNC if file is not None:
                file.sync(failed=bool(done.flags))
            case Op.SYNC if done.descriptor in self._opened and not done.flags:
                self._sync_folder(self._opened[done.descriptor])
            case Op.RENAME | Op.LINK if name in self._names:
                self._names[self._name(done.other)] = self._names[name]
                if done.op is Op.RENAME:
                    del self._names[name]
            case Op.UNLINK:
                self._names.pop(name, None)
            case Op.MKDIR:
                self._folders.add(name)
            case Op.RMDIR:
                self._folders.discard(name)
            case _:
                pass

    def _open(self, done: Operation, name: str) -> None:
        self._files.pop(done.descriptor, None)
        if done.flags & _FOLDER or name in self._folders or name == ".":
            self._opened[done.descriptor] = name
            return
        file = self._names.setdefault(name, _File())
        if done.flags & _EMPTIES:
            file.change((0, None))
        self._files[done.descriptor] = file

    def _sync_folder(self, folder: str) -> None:
        parent = "" if folder == "." else folder
        for name in [name for name in self._safe_names if os.path.dirname(name) == parent]:  # noqa: PTH120
            del self._safe_names[name]
        self._safe_names |= {n: f for n, f in self._names.items() if os.path.dirname(n) == parent}  # noqa: PTH120
        self._safe_folders |= {name for name in self._folders if os.path.dirname(name) == parent}  # noqa: PTH120

    def play_half(self, done: Operation) -> None:
        """Do a write in part; doing all of it afterwards is as if it had been done once."""
        self.play(replace(done, data=done.data[: len(done.data) // 2]))

    def left(self, loss: Loss, chance: random.Random) -> "Left":
        """Return what a power cut now leaves; the shared memory of SQLite is no file of a disk."""
        names, folders = dict(self._names), self._folders
        if loss is Loss.LOST:
            names, folders = self._safe_names, self._safe_folders
        elif loss is Loss.SOME:
            for name in self._names.keys() | self._safe_names.keys():
                if self._names.get(name) is not self._safe_names.get(name) and chance.random() < 0.5:
                    names.pop(name, None)
                    if name in self._safe_names:
                        names[name] = self._safe_names[name]
        files = {n: f.left(loss, chance) for n, f in sorted(names.items()) if not n.endswith("-shm")}
        return Left(tuple(sorted(folders)), files)

    def image(self, target: Path, loss: Loss, chance: random.Random) -> None:
        """Write what a power cut now leaves."""
        self.left(loss, chance).write(target)


@dataclass(frozen=True, slots=True)
class Left:
    """The folders and files that a power cut leaves."""

    folders: tuple[str, ...]
    files: dict[str, bytes]

    def digest(self) -> bytes:
        """Return the same for what is the same."""
        found = hashlib.blake2b(repr(self.folders).encode(), digest_size=16)
        for name, content in self.files.items():
            found.update(f"{name}\0{len(content)}\0".encode())
            found.update(content)
        return found.digest()

    def write(self, target: Path) -> None:
        """Make them."""
        target.mkdir(parents=True)
        for folder in self.folders:
            (target / folder).mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
