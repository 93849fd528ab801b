"""The process that reads the database for the console, one statement at a time.

A built-in function of SQLite on megabytes runs for hours without asking anybody, and a statement can ask for
any amount of memory. Here both cost only this process, which the console ends when it does not answer.
It ends by itself when the console does.
"""

import math
import os
import select
import socket
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path

from app.database import messages, opening
from app.database.messages import Execute, Fetch, Interrupt, PartOf, Reply
from app.database.opening import Opened, Unsteady
from app.database.session import BEGIN, LocalCursor, LocalSession
from app.database.shield import Shield
from app.database.values import size_of

MEMORY_BYTES = 1024**3
"""Of addresses: what the program itself needs is a part of it."""
CPU_SPARE_S = 60
"""A statement that nobody stops, since the console was killed, ends after its time limit and so much more."""


class Serving:
    """The requests of one console, answered in their order."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._path = Path()
        self._opened: Opened | None = None
        self._session: LocalSession | None = None
        self._shield: Shield | None = None
        self._begins = True
        """The next request is the first of its job."""
        self._cursor: LocalCursor | None = None
        self._job, self._interrupted = 0, False
        self._deadline = math.inf
        """Of the job; the console itself limits the time for opening the file and for the first schema."""

    def serve(self) -> None:
        """Answer until the console closes its end."""
        while (raw := messages.receive(self._stream)) is not None:
            request = messages.decode_request(raw)
            if isinstance(request, Interrupt):
                continue  # it came after the answer
            if isinstance(request, messages.End):
                self._end()
                self._stream.sendall(messages.framed(Reply()))
                continue
            try:
                reply = self._answer(request)
            except Exception as error:  # noqa: BLE001  (each is told to the console, which raises it)
                self._close_cursor()
                reply = messages.fault_of(self._meant(error))
            self._stream.sendall(messages.framed(reply))

    def _answer(
        self, request: messages.Open | Execute | Fetch | PartOf | messages.Install | messages.Virtual
    ) -> Reply:
        if isinstance(request, messages.Open):
            self._path, opening.BUSY_S = Path(request.path), request.busy_s
            self._ready()
            return Reply()
        match request:
            case Execute() | Fetch() | PartOf():
                self._begin(request)
                reply = self._rows(self._ready(), request)
                self._check_steady()
                return reply
            case messages.Install():
                self._close_cursor()
                session, self._shield = self._ready(), request.shield
                return Reply(failed=tuple(session.install(request.shield).items()))
            case _:
                self._ready().connect_virtual(request.table)
        return Reply()

    def _end(self) -> None:
        """Leave no lock: a connection to a database in WAL mode has one for as long as it is open."""
        self._close_cursor()
        self._begins = True
        if self._session is not None:
            self._session.end()
        if self._opened is not None and self._opened.wal:
            self._close()

    def _ready(self) -> LocalSession:
        """Return the session, with the file open as it is to be read now."""
        begins, self._begins = self._begins, False
        opened, session = self._opened, self._session
        if opened is not None and session is not None and not (begins and not opened.is_current()):
            return session
        self._close()
        self._opened = opened = opening.connect(self._path)
        opened.connection.set_progress_handler(self._should_stop, opening.PROGRESS_STEPS)
        self._session = session = LocalSession(opened.connection)
        if self._shield is not None:
            session.install(self._shield)
        return session

    def _close(self) -> None:
        opened, self._opened, self._session = self._opened, None, None
        if opened is not None:
            opened.close()

    def _check_steady(self) -> None:
        if self._opened is not None and not self._opened.is_steady():
            raise Unsteady("written while it was read")

    def _meant(self, error: Exception) -> Exception:
        """Return what an error comes of: of a file that is being written no error tells anything."""
        if self._opened is not None and not self._opened.is_steady():
            self._close()
            return Unsteady("written while it was read")
        if isinstance(error, UnicodeDecodeError):  # a name, or a message of SQLite with one in it
            text = bytes(error.object).decode(errors="replace")
            return messages.sqlite_error(f"not valid UTF-8: {text}", sqlite3.SQLITE_ERROR)
        return error

    def _begin(self, request: Execute | Fetch | PartOf) -> None:
        self._job, self._deadline = request.job, time.monotonic() + request.left_s
        self._interrupted = False
        _limit_cpu(request.left_s)

    def _rows(self, session: LocalSession, request: Execute | Fetch | PartOf) -> Reply:
        if isinstance(request, PartOf):
            found = session.part_of(request.sql, request.row, request.column, request.start, request.size)
            return Reply() if found is None else Reply(value=messages.packed(found[:1])[0], size=found[1])
        if isinstance(request, Execute):
            self._close_cursor()
            session.authority.masked.clear()
            session.authority.used.clear()
            session.authority.stand_ins.clear()
            if request.begin:
                session.execute(BEGIN)
            params = tuple(request.params) if isinstance(request.params, list) else request.params
            self._cursor = session.execute(request.sql, params, short=request.short, trusted=request.trusted)
        cursor = self._cursor
        if cursor is None:
            raise RuntimeError("no statement")
        rows, size = [], 0
        more = False
        for values in cursor:
            rows.append(messages.packed(values))
            size += sum(map(size_of, values))
            if len(rows) >= request.rows or size >= messages.CHUNK_BYTES:
                more = True
                break
        if not more:
            self._close_cursor()
        authority = session.authority
        return Reply(
            columns=cursor.columns,
            rows=tuple(rows),
            more=more,
            masked=tuple(authority.masked),
            used=tuple(authority.used),
            stand_ins=tuple(authority.stand_ins),
            wal=self._opened is not None and self._opened.wal,
            state="" if self._opened is None else self._opened.named_state,
        )

    def _close_cursor(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def _should_stop(self) -> bool:
        while select.select([self._stream], [], [], 0)[0]:
            raw = messages.receive(self._stream)
            if raw is None:
                os._exit(0)  # nobody waits for the answer
            request = messages.decode_request(raw)
            self._interrupted |= isinstance(request, Interrupt) and request.job == self._job
        return self._interrupted or time.monotonic() > self._deadline


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # not every system knows such limits
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = MEMORY_BYTES if hard < 0 else min(MEMORY_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_cpu(left_s: float) -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(time.process_time() + max(0.0, left_s)) + CPU_SPARE_S
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def main() -> None:
    """Serve on the socket that is standard input."""
    _limit_memory()
    stream = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    stream.setblocking(True)
    with suppress(ConnectionError):
        Serving(stream).serve()


if __name__ == "__main__":
    main()
