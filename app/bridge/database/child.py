"""The process that reads the database for the console, one statement at a time.

A built-in function of SQLite on megabytes runs for hours without asking anybody, and a statement can ask for
any amount of memory. Here both cost only this process, which the console ends when it does not answer.
It ends by itself when the console does.
"""

import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from app.bridge.database import messages, opening
from app.bridge.database.messages import Execute, Fetch, Interrupt, PartOf, Reply
from app.bridge.database.session import BEGIN, LocalCursor, LocalSession

MEMORY_BYTES = 1024**3
"""Of addresses: what the program itself needs is a part of it."""
CPU_SPARE_S = 60
"""A statement that nobody stops, since the console was killed, ends after its time limit and so much more."""


class Serving:
    """The requests of one console, answered in their order."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._session: LocalSession | None = None
        self._cursor: LocalCursor | None = None
        self._job, self._deadline, self._interrupted = 0, 0.0, False

    def serve(self) -> None:
        """Answer until the console closes its end."""
        while (raw := messages.receive(self._stream)) is not None:
            request = messages.decode_request(raw)
            if isinstance(request, Interrupt):
                continue  # it came after the answer
            if isinstance(request, messages.End):
                self._end()
                continue
            try:
                reply = self._answer(request)
            except Exception as error:  # noqa: BLE001  (each is told to the console, which raises it)
                self._close_cursor()
                reply = messages.fault_of(error)
            self._stream.sendall(messages.framed(reply))

    def _answer(
        self, request: messages.Open | Execute | Fetch | PartOf | messages.Install | messages.Virtual
    ) -> Reply:
        if isinstance(request, messages.Open):
            self._open(request)
            return Reply()
        session = self._session
        if session is None:
            raise RuntimeError("not open")
        match request:
            case Execute() | Fetch() | PartOf():
                self._begin(request)
                return self._rows(session, request)
            case messages.Install():
                self._close_cursor()
                return Reply(failed=tuple(session.install(request.shield).items()))
            case _:
                session.connect_virtual(request.table)
        return Reply()

    def _end(self) -> None:
        self._close_cursor()
        if self._session is not None:
            self._session.end()

    def _open(self, request: messages.Open) -> None:
        opening.BUSY_S = request.busy_s
        connection = opening.connect(Path(request.path))
        connection.set_progress_handler(self._should_stop, opening.PROGRESS_STEPS)
        self._session = LocalSession(connection)

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
            row = messages.packed(values)
            rows.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
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
