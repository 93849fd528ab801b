"""The session of a catalogue's file: a random id in the file and beside it, renewed at each start.

It tells that the file at the path is the one that was opened, and that a file found at the start is the one
that was closed. Where it is not, an older copy was put back, or a foreign file: numbers of events would be
given out a second time, so the catalogue gets a new epoch and consoles read everything again.

Under a running server the file may be deleted, replaced, or overwritten in place. The first two change the
inode of the file or of its write-ahead log; the third changes the id, whose first half stands in the
database header as ``user_version``, where it can be read without SQLite.
"""

import fcntl
import os
import secrets
import struct
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import select, update

from app.catalogue.errors import CatalogueLost, lost, translated
from app.catalogue.schema import meta
from app.catalogue.transaction import Transaction

log = structlog.stdlib.get_logger(__name__)

STATE_FILE = "server.state"
LOG_SUFFIXES = ("-wal", "-shm")
_HEADER = struct.Struct(">60xI36x")
"""The first 100 bytes of a database: at 60 its ``user_version``."""
_SHARED_LOCK = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0x40000002, 510, 0)
"""The lock by which SQLite knows that somebody has the file open (os_unix.c, SHARED_FIRST)."""

Inode = tuple[int, int]
NO_FILE: Inode = (0, 0)


class State(msgspec.Struct, kw_only=True):
    """The file beside the catalogue."""

    sessions: list[str]
    """Ids that the catalogue may have: one, or two while it is renewed."""
    last_seq: int
    """Number of an event that was committed; the newest is at most some seconds younger."""
    log_inode: Inode = NO_FILE


def marker_of(session: str) -> int:
    """Return the number that stands in the database header for a session."""
    return int(session[:8], 16) & 0x7FFFFFFF


class Session:
    """Watches over one catalogue file. Every method blocks, unless it is a coroutine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + LOG_SUFFIXES[0])
        self._state_path = path.with_name(STATE_FILE)
        self._state: State | None = None
        self._written_seq = -1
        self._descriptor = -1
        self._inode: Inode = NO_FILE
        self._log_inode: Inode = NO_FILE
        self._changed_ns = -1
        self._markers: set[int] = set()
        """What the header of the file may say: two while a session is renewed."""
        self._lost: CatalogueLost | None = None

    @property
    def failure(self) -> CatalogueLost | None:
        """Why nothing is written any more; None as long as the file is there."""
        return self._lost

    def prepare(self) -> None:
        """Read what is beside the catalogue, before it is opened.

        A write-ahead log that belonged to another file than the one that is there now is set aside: replayed
        into it, it would be damage.
        """
        self._state = _read_state(self._state_path)
        if self._state is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        (marker,) = _HEADER.unpack(header)
        ours = marker in {marker_of(session) for session in self._state.sessions}
        its_log = _inode(self._log_path)
        if ours or its_log == NO_FILE or its_log != self._state.log_inode:
            return
        name = f"{self._path.name}-of-another-file.{secrets.token_hex(3)}"
        for suffix in LOG_SUFFIXES:
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(self._path.with_name(name + suffix))
        log.warning("catalogue_log_set_aside", reason="it belongs to another file", kept_as=name)

    def begin(self, transaction: Transaction) -> bool:
        """Give the catalogue a new session in a write; return whether it is another file than before."""
        rows = transaction.all(select(meta.c.value).where(meta.c.name == "session"))
        found = str(rows[0].value) if rows else None
        last_seq = transaction.sequences.get("events", 0)
        state = self._state
        if state is None:
            other = found is not None
        else:
            other = found not in state.sessions or last_seq < state.last_seq
        if other:
            transaction.run(update(meta).where(meta.c.name == "epoch").values(value=uuid.uuid4().hex))
            log.warning(
                "another_catalogue_was_put_back",
                last_event=last_seq,
                last_event_before=state.last_seq if state is not None else "unknown",
                hint="Consoles read everything again, and each agent's next backup sends what is missing.",
            )
        self.renew(transaction)
        return other

    def renew(self, transaction: Transaction) -> None:
        """Replace the session in a write; ``settle`` belongs after its commit."""
        session = secrets.token_hex(8)
        found = transaction.all(select(meta.c.value).where(meta.c.name == "session"))
        if found:
            transaction.run(update(meta).where(meta.c.name == "session").values(value=session))
        else:
            transaction.insert(meta, [{"name": "session", "value": session}])
        transaction.connection.exec_driver_sql(f"PRAGMA user_version = {marker_of(session)}")
        before = [str(row.value) for row in found] or (self._state.sessions[-1:] if self._state else [])
        # First beside the catalogue, so that a crash in between finds either of the two.
        last_seq = transaction.sequences.get("events", 0)
        self._write(State(sessions=[*before, session], last_seq=last_seq, log_inode=self._log_inode))
        self._markers.add(marker_of(session))

    def watch(self) -> None:
        """Remember which files are open; called once, and after the writer has opened them again."""
        with translated(self._path):
            if self._descriptor < 0:
                # Never closed while SQLite works: to close it would drop SQLite's locks (POSIX, by process).
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                found = os.fstat(self._descriptor)
                self._inode = found.st_dev, found.st_ino
                self._markers = {self._marker()}
            self._log_inode = _inode(self._log_path)
        self.check()

    def check(self) -> None:
        """Raise CatalogueLost where the open file is not the one at the path; once so, always so."""
        if self._descriptor < 0:
            return
        if self._lost is None and (happened := self._happened()):
            self._lost = lost(self._path, happened)
            self._keep_log()
            log.critical("catalogue_lost", reason=self._lost.message, hint=self._lost.hint)
        if self._lost is not None:
            raise self._lost

    def _happened(self) -> str:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return "was deleted"
        except OSError:
            # The disk may be well again at the next look; writes fail by themselves.
            return ""
        if (found.st_dev, found.st_ino) != self._inode:
            return "was replaced by another file"
        if _inode(self._log_path) != self._log_inode:
            return "lost its write-ahead log (-wal), which was deleted or replaced"
        if found.st_mtime_ns != self._changed_ns:
            self._changed_ns = found.st_mtime_ns
            if self._marker() not in self._markers:
                return "was overwritten with another one"
        return ""

    def _marker(self) -> int:
        """Return what the header says; -1 for a file that is too short to have one."""
        header = os.pread(self._descriptor, _HEADER.size, 0)
        return int(_HEADER.unpack(header)[0]) if len(header) == _HEADER.size else -1

    def _keep_log(self) -> None:
        """Hold a lock that keeps SQLite from writing its log into the foreign file when it closes."""
        command: Any = getattr(fcntl, "F_OFD_SETLK", None)
        if command is not None:
            with suppress(OSError):
                fcntl.fcntl(self._descriptor, command, _SHARED_LOCK)

    def settle(self, last_seq: int) -> None:
        """Note beside the catalogue that the newest session is in the database file, after a checkpoint."""
        newest = self._state.sessions[-1] if self._state is not None else ""
        if newest and self._marker() == marker_of(newest):
            self._markers = {marker_of(newest)}
            self._write(State(sessions=[newest], last_seq=last_seq, log_inode=self._log_inode))

    def note(self, last_seq: int) -> None:
        """Note beside the catalogue how far its events are."""
        if self._state is not None and self._lost is None and last_seq > self._written_seq:
            self._write(State(sessions=self._state.sessions, last_seq=last_seq, log_inode=self._log_inode))

    def close(self) -> None:
        """Let go of the file, after every connection to it is closed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, state: State) -> None:
        with translated(self._state_path):
            draft = self._state_path.with_suffix(".state-new")
            with draft.open("wb") as out:
                out.write(msgspec.json.encode(state))
                out.flush()
                if self._state is None or state.sessions != self._state.sessions:
                    os.fsync(out.fileno())
            draft.replace(self._state_path)
        self._state, self._written_seq = state, state.last_seq


def _inode(path: Path) -> Inode:
    try:
        found = path.stat()
    except OSError:
        return NO_FILE
    return found.st_dev, found.st_ino


def _read_state(path: Path) -> State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        # As if it were of another catalogue: consoles read everything again, nothing is lost by that.
        log.warning("server_state_unreadable", file=str(path), reason=str(error))
        return State(sessions=[], last_seq=0)
