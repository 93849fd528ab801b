"""The console's end of the process that reads a database, which is ended when it does not answer."""

import os
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from app.database import messages, opening
from app.database.authority import Authority
from app.database.messages import Fault, Reply
from app.database.session import BEGIN, Params, Values
from app.database.shield import Shield
from streams.model.base import Record

GRACE_S = 1.0
"""What is interrupted or late must stop within this time; then the process is killed."""
START_S = 30.0
"""For the process to start and to open the file, and for a message to pass, in seconds."""
ROOT = Path(__file__).resolve().parent.parent.parent
CHILD = "from app.database.child import main; main()"


class Deadline(Protocol):
    """The piece of work that statements are a part of."""

    number: int
    deadline: float
    cancelled: threading.Event


class RemoteCursor:
    """Rows of a statement, fetched in pieces."""

    def __init__(self, session: "RemoteSession", first: Reply) -> None:
        self._session = session
        self.columns = first.columns
        self._rows = iter(first.rows)
        self._more = first.more

    def __iter__(self) -> Iterator[Values]:
        while True:
            yield from map(messages.unpacked, self._rows)
            if not self._more:
                return
            reply = self._session.fetch()
            self._rows, self._more = iter(reply.rows), reply.more

    def fetchmany(self, size: int) -> list[Values]:
        """Return the next rows."""
        return [row for _, row in zip(range(size), self, strict=False)]

    def fetchone(self) -> Values | None:
        """Return the next row."""
        return next(iter(self), None)

    def fetchall(self) -> list[Values]:
        """Return all rows that are left."""
        return list(self)

    def close(self) -> None:
        """Forget what was not read; the next statement ends this one."""
        self._rows, self._more = iter(()), False


class RemoteSession:
    """A connection in a process of its own; a killed one is followed by another at the next statement."""

    def __init__(self, path: Path, job: Deadline) -> None:
        self.authority = Authority()
        self.job = job
        self.state = ""
        self._starts = 0
        self._path = path
        self._shield: Shield | None = None
        self.wal = False
        """The database keeps its changes in a log beside it."""
        self._asked = False
        """Whether the process may hold a lock: something was asked of it since the last end."""
        self._begins = False
        self._sending = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: socket.socket | None = None
        self._control: socket.socket | None = None
        """The same connection, for a thread that must not wait."""
        self._start()

    def execute(
        self, sql: str, params: Params = (), *, short: bool = False, trusted: bool = False
    ) -> RemoteCursor:
        """Run a statement; ``BEGIN`` alone goes with the next one."""
        if sql == BEGIN:
            self._begins = True
            return RemoteCursor(self, Reply())
        begin, self._begins = self._begins, False
        reply = self._ask(
            messages.Execute(
                job=self.job.number,
                left_s=self._left_s(),
                sql=sql,
                begin=begin,
                params=dict(params) if isinstance(params, dict) else list(params),
                short=short,
                trusted=trusted,
            )
        )
        self.wal, self.state = reply.wal, f"{self._starts} {reply.state}"
        return RemoteCursor(self, reply)

    def fetch(self) -> Reply:
        """Return further rows of the statement."""
        return self._ask(messages.Fetch(job=self.job.number, left_s=self._left_s()))

    def part_of(self, sql: str, row: int, column: int, start: int, size: int) -> tuple[Any, int] | None:
        """Return a part of one value of an answer."""
        reply = self._ask(
            messages.PartOf(
                job=self.job.number,
                left_s=self._left_s(),
                sql=sql,
                row=row,
                column=column,
                start=start,
                size=size,
            )
        )
        return None if reply.size is None else (messages.unpacked([reply.value])[0], reply.size)

    def install(self, shield: Shield) -> dict[str, str]:
        """Hide what ``shield`` says."""
        self._shield = None
        reply = self._ask(messages.Install(shield))
        self._shield = self.authority.shield = shield
        return dict(reply.failed)

    def connect_virtual(self, table: str) -> None:
        """Let a virtual table prepare its own statements."""
        self._ask(messages.Virtual(table))

    def end(self) -> None:
        """Roll back what a statement has begun; a process that has died has nothing to roll back."""
        if self._stream is not None and self._asked:
            with suppress(sqlite3.Error):  # then it has been killed
                self._exchange(messages.End(), 0.0)
        self._asked = self._begins = False

    def interrupt(self, job: int) -> None:
        """Ask the running statement of ``job`` to stop, from another thread, without waiting."""
        control = self._control
        if control is None or not self._sending.acquire(blocking=False):
            return
        try:
            # Where it does not pass, the process is killed a moment later.
            with suppress(OSError):
                control.send(messages.framed(messages.Interrupt(job)))
        finally:
            self._sending.release()

    def kill(self) -> None:
        """End the process, from any thread; who waits for its answer hears that the statement was stopped."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process, and wait for its end."""
        process, self._process = self._process, None
        for stream in (self._control, self._stream):
            if stream is not None:
                stream.close()
        self._control = self._stream = None
        if process is not None:
            process.kill()  # nothing of it is to be kept
            process.wait()

    # -- helpers

    def _left_s(self) -> float:
        return max(0.0, self.job.deadline - time.monotonic())

    def _start(self) -> None:
        self._starts += 1
        mine, its = socket.socketpair()
        paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", CHILD],  # whatever lies in the current folder
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            )
        except BaseException:
            mine.close()
            raise
        finally:
            its.close()
        mine.settimeout(START_S)
        self._stream, self._control = mine, mine.dup()
        self._control.setblocking(False)
        try:
            self._exchange(messages.Open(str(self._path.absolute()), opening.BUSY_S), START_S)
            if self._shield is not None:
                self._exchange(messages.Install(self._shield), START_S)
        except BaseException:
            self.close()
            raise

    def _ask(self, request: Record) -> Reply:
        if self.job.cancelled.is_set():
            raise messages.sqlite_error("interrupted", sqlite3.SQLITE_INTERRUPT)
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it has died while nothing was asked of it
        if self._process is None:
            self._start()
        self._asked = True
        reply = self._exchange(request, self._left_s())
        self.authority.stand_ins |= set(reply.stand_ins)
        self.authority.masked |= dict.fromkeys(reply.masked)
        self.authority.used |= set(reply.used)
        return reply

    def _send(self, stream: socket.socket, message: bytes) -> None:
        with self._sending:
            stream.sendall(message)

    def _exchange(self, request: Record, left_s: float) -> Reply:
        """Send a request and return its reply; raise as the process did, or as if it was interrupted."""
        stream = self._stream
        assert stream is not None
        try:
            message = messages.framed(request)
        except (ValueError, OverflowError) as error:  # text that is no Unicode, a number of more than 64 bits
            raise messages.sqlite_error(str(error), sqlite3.SQLITE_ERROR) from error
        raw, late = None, False
        with suppress(ConnectionError, TimeoutError):
            self._send(stream, message)
            late = not select.select([stream], [], [], left_s + GRACE_S)[0]
            raw = None if late else messages.receive(stream)
        if raw is None:
            self.close()
            if late or self.job.cancelled.is_set() or left_s <= 0:
                raise messages.sqlite_error("interrupted", sqlite3.SQLITE_INTERRUPT)
            raise messages.sqlite_error("The reading process ended.", sqlite3.SQLITE_NOMEM)
        reply = messages.decode_reply(raw)
        if isinstance(reply, Fault):
            raise messages.raised_by(reply)
        return reply
