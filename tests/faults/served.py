"""A server that is started, killed and started again over one folder."""

import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from app.server.data_dir import CATALOGUE_FILE
from tests.faults.client import Gone, Http
from tests.faults.nursery import Nursery

START_S = 180.0
"""Long: a busy machine is no fault."""
SMALL = {"least_free_bytes": 0, "warn_free_bytes": 0, "offline_grace_s": 0.05}
_SERVING = re.compile(r"serving \S+:(\d+) \(events on port (\d+)\)")


class Served:
    """One start of the server; ``up`` is whether it has come up."""

    def __init__(
        self, nursery: Nursery, data: Path, *, limits: Mapping[str, float] | None = None, port: int = 0
    ) -> None:
        self._nursery, self.data = nursery, data
        self.out = data.with_suffix(".out")
        self.out.unlink(missing_ok=True)
        words = ["server", "--data", str(data), "--port", str(port)]
        self.pid = nursery.start(words, self.out, limits=SMALL | dict(limits or {}))
        self.port = self.events_port = 0
        self.up = self._comes_up()

    def _comes_up(self) -> bool:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if found := _SERVING.search(self.said()):
                self.port, self.events_port = int(found[1]), int(found[2])
                return True
            if self.ended():
                return False
            time.sleep(0.005)
        return False

    def said(self) -> str:
        """Return the output of the server."""
        return self.out.read_text("utf-8", "replace") if self.out.exists() else ""

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command of the server over its folder to the end; return its exit code and what it says."""
        out = self.data.with_suffix(".command.out")
        out.unlink(missing_ok=True)
        pid = self._nursery.start(["server", *words, "--data", str(self.data)], out, limits={})
        code = self._nursery.wait(pid)
        return code, out.read_text("utf-8", "replace")

    def change(self, sql: str) -> None:
        """Change its catalogue as another program; raise Gone where that fails."""
        out = self.data.with_suffix(".command.out")
        out.unlink(missing_ok=True)
        if self._nursery.wait(self._nursery.change(self.data / CATALOGUE_FILE, sql, out)):
            raise Gone(f"the catalogue is not changed: {out.read_text('utf-8', 'replace')[-200:]}")

    def ended(self) -> bool:
        """Whether it has ended."""
        return self._nursery.code(self.pid) is not None

    def console(self) -> Http:
        """Return a connection with the token of the console."""
        return Http(self.port, (self.data / "console.token").read_text().strip())

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, and wait for its end."""
        import os

        if not self.ended():
            os.kill(self.pid, number)
        self._nursery.wait(self.pid)

    def stop(self) -> None:
        """Ask it to end."""
        self.kill(signal.SIGTERM)
