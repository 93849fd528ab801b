"""Forks commands of the project from one process that has loaded them, since hundreds are started.

Requests and replies are lines of JSON: ``{"do": "start", "words": [...], "out": FILE}`` gives ``{"pid": N}``,
so does ``{"do": "start", "file": FILE, "sql": SQL, "out": FILE}`` for a change of a database,
``{"do": "look", "pid": N}`` gives ``{"code": null}`` or its exit code.
"""

import asyncio
import dataclasses
import gc
import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
END_S = 120.0
PRELOADED = (
    "aiosqlite", "alembic.command", "sqlalchemy.dialects.sqlite", "app.agent.command",
    "app.agent.restore_command", "app.server.command", "app.server.routes",
)  # fmt: skip


class Nursery:
    """The process that forks, and what it is asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def start(self, words: list[str], out: Path, **more: Any) -> int:
        """Start a command with its output appended to ``out``; return its process id."""
        return self._ask(do="start", words=words, out=str(out), **more)["pid"]

    def change(self, database: Path, sql: str, out: Path) -> int:
        """Change a database; return the process id.

        A process without the layer would leave a gap in what is recorded: a log of SQLite ends there.
        """
        return self._ask(do="start", file=str(database), sql=sql, out=str(out))["pid"]

    def code(self, pid: int) -> int | None:
        """Return the exit code of a command that has ended."""
        return self._ask(do="look", pid=pid)["code"]

    def wait(self, pid: int, within_s: float = END_S) -> int:
        """Wait for the end of a command; raise TimeoutError."""
        deadline = time.monotonic() + within_s
        while (code := self.code(pid)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {pid} does not end")
            time.sleep(0.005)
        return code

    def close(self) -> None:
        """End it; what it has started ends too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(END_S)
        self._process.stdout.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that starts the programs has ended")
        return json.loads(line)


def _start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    os.environ.update(request.get("env", {}))
    code = 70
    try:
        _set_limits(request.get("limits", {}))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if "sql" in request:
            code = _change(Path(request["file"]), request["sql"])
        else:
            from app import __main__ as commands

            code = commands.main(request["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  (the child may not go on as its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _change(database: Path, sql: str) -> int:
    with closing(sqlite3.connect(database, timeout=10)) as db, db:
        db.execute(sql)
    return 0


def _set_limits(given: dict[str, Any]) -> None:
    from app.server import limits

    of = limits.Limits.of
    small = classmethod(lambda _cls, settings: dataclasses.replace(of(settings), **given))
    limits.Limits.of = small  # type: ignore[method-assign]


def _warm_up() -> None:
    """Run a server once with some requests: each fork then has what is made at the first use of a thing."""
    from app.server.limits import Limits
    from app.server.run import serve
    from tests.faults.client import Acks, Client, Http, enrol

    def use(port: int, token: str) -> None:
        console = Http(port, token)
        client = Client(port, "warm", enrol(port, console, "warm", Acks())[1], Acks())
        client.back_up({"/small": b"small", "/large": bytes(300_000)})
        for row in console.get("/api/files?limit=500")["rows"]:
            for version in console.get(f"/api/files/{row['id']}/versions"):
                console.ask("GET", f"/api/versions/{version['id']}/content")
        console.get("/api/runs/active")

    async def run(folder: Path) -> None:
        stop = asyncio.Event()
        used: list[asyncio.Task[None]] = []

        def ready(info: Any) -> None:
            task = asyncio.create_task(asyncio.to_thread(use, info.port, info.new_token))
            task.add_done_callback(lambda _: stop.set())
            used.append(task)

        limits = Limits(least_free_bytes=0, warn_free_bytes=0)
        await serve(folder, host="127.0.0.1", port=0, settings=limits, ready=ready, stop=stop)
        await used[0]

    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as null:
        out, sys.stdout = sys.stdout, null
        try:
            asyncio.run(run(Path(folder, "data")))
        finally:
            sys.stdout = out
    gc.collect()
    gc.freeze()


def main() -> None:
    """Serve until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    _warm_up()
    started: set[int] = set()
    codes: dict[int, int] = {}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(json.dumps({"ready": os.getpid()}), flush=True)  # noqa: T201
    for line in sys.stdin:
        request = json.loads(line)
        while started - codes.keys():
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            codes[pid] = os.waitstatus_to_exitcode(status)
        if request["do"] == "start":
            pid = _start(request)
            started.add(pid)
            codes.pop(pid, None)  # of an earlier process of this number: in a long run they come again
            reply: dict[str, Any] = {"pid": pid}
        else:
            reply = {"code": codes.get(request["pid"])}
        print(json.dumps(reply), flush=True)  # noqa: T201
    for pid in started - codes.keys():
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
