"""The fault layer: a small library loaded before the C library, and the page of memory that controls it."""

import ctypes
import hashlib
import mmap
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

SOURCE = Path(__file__).with_name("layer.c")
PAGE_VARIABLE = "FAULT_LAYER_PAGE"


class Op(IntFlag):
    """What a program does to files."""

    CREATE = 1
    WRITE = 2
    SYNC = 4
    RENAME = 8
    UNLINK = 16
    LINK = 32
    TRUNCATE = 64
    MKDIR = 128
    RMDIR = 256
    OPEN = 512
    CLOSE = 1024
    READ = 2048


CHANGES = Op.CREATE | Op.WRITE | Op.SYNC | Op.RENAME | Op.UNLINK | Op.LINK | Op.TRUNCATE | Op.MKDIR | Op.RMDIR


class Mode(IntEnum):
    """What happens at the chosen operation."""

    COUNT = 0
    KILL = 1
    """The program ends before it."""
    TEAR = 2
    """It ends in the middle of it, if it is a write."""
    FAIL = 3
    """It fails once."""
    FAIL_ON = 4
    """It and all after it fail, or so many of them."""
    SHORT = 5
    """A write does half and says so."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which operation, counted from 1; without one they are only counted."""

    mode: Mode = Mode.COUNT
    at: int = 0
    error: int = 0
    mask: Op = CHANGES
    length: int = 0
    """How many operations fail with FAIL_ON; 0 is all."""


class _Control(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("armed", "mode", "error", "mask")),
        *((name, ctypes.c_int64) for name in ("at", "seen", "hits", "recorded")),
        *((name, ctypes.c_int32) for name in ("recording", "length")),
        *((name, ctypes.c_char * 512) for name in ("root", "log", "what")),
    )


class NoCompiler(Exception):
    """There is no C compiler, so that no fault can be made."""


def library() -> Path:
    """Return the compiled library; raise NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no C compiler (cc, gcc or clang): install one to run the crash points")
    mark = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"tidewatch-faults-{os.getuid()}-{mark}.so"
    if not target.exists():
        draft = target.with_suffix(f".{os.getpid()}")
        command = (compiler, "-O2", "-shared", "-fPIC", "-o", str(draft), str(SOURCE), "-lpthread")
        subprocess.run(command, check=True)
        draft.replace(target)
    return target


class Layer:
    """The controls of the programs that run with the library."""

    def __init__(self, folder: Path) -> None:
        self.page = folder / f"faults.{os.getpid()}"
        self.page.write_bytes(bytes(ctypes.sizeof(_Control)))
        with self.page.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), ctypes.sizeof(_Control))
        self._control = _Control.from_buffer(self._memory)

    def close(self) -> None:
        """Give the page up."""
        del self._control
        self._memory.close()

    def environment(self) -> dict[str, str]:
        """Return what a program is started with."""
        return {"LD_PRELOAD": str(library()), PAGE_VARIABLE: str(self.page)}

    def watch(self, root: Path) -> None:
        """Look at the files below ``root`` only."""
        self._control.root = str(root).encode()

    def arm(self, fault: Fault) -> None:
        """Count from here on, and let it happen."""
        control = self._control
        control.armed = 0
        control.mode, control.at, control.error, control.mask = fault.mode, fault.at, fault.error, fault.mask
        control.length = fault.length
        control.seen = control.hits = 0
        control.what = b""
        control.armed = 1

    def disarm(self) -> None:
        """Let everything happen as usual."""
        self._control.armed = 0

    def record(self, log: Path) -> None:
        """Write all that happens to ``log``."""
        self._control.log = str(log).encode()
        self._control.recorded = 0
        self._control.recording = 1

    def stop_recording(self) -> None:
        """Write no more."""
        self._control.recording = 0

    @property
    def seen(self) -> int:
        """Operations since it was armed."""
        return self._control.seen

    @property
    def hits(self) -> int:
        """How often it happened."""
        return self._control.hits

    @property
    def recorded(self) -> int:
        """Operations in the log."""
        return self._control.recorded

    @property
    def what(self) -> str:
        """The first operation at which it happened."""
        return self._control.what.decode("utf-8", "replace")
