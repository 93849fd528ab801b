"""Tidewatch, restic and borg: each backs a tree up and restores it into an empty folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from tests.e2e.processes import free_port_pair

START_S = 300.0
ROOT = Path(__file__).resolve().parents[2]


def tidewatch(source: Path, work: Path) -> Path:
    """Back up and restore with Tidewatch; return the restored tree."""
    port = free_port_pair()
    url, data = f"http://127.0.0.1:{port}", work / "data"
    app = [sys.executable, "-m", "app"]
    with (work / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*app, "server", "--data", str(data), "--port", str(port)], stdout=log, stderr=log, cwd=ROOT
        )
    try:
        _wait_for(f"{url}/health")
        code = _run([*app, "server", "enrol", "tree", "--data", str(data)]).strip()
        state = ["--state", str(work / "state")]
        _run(
            [*app, "agent", str(source), "--server", url, "--name", "tree", "--code", code, *state, "--once"]
        )
        to, token = work / "back", ["--token-file", str(data / "console.token")]
        _run([*app, "restore", "tree", "--server", url, *token, "--to", str(to)])
    finally:
        server.terminate()
        server.wait()
    return to


def restic(source: Path, work: Path) -> Path:
    """Back up and restore with restic; return the restored tree."""
    to = work / "back"
    words = ["restic", "--repo", str(work / "repository"), "--no-cache", "--quiet"]
    secret = os.environ | {"RESTIC_PASSWORD": "fidelity"}
    _run([*words, "init"], secret)
    _run([*words, "backup", str(source)], secret)
    _run([*words, "restore", "latest", "--target", str(to)], secret)
    return to / source.relative_to("/")


def borg(source: Path, work: Path) -> Path:
    """Back up and restore with borg; return the restored tree."""
    to, repository = work / "back", str(work / "repository")
    to.mkdir()
    home = os.environ | {"BORG_BASE_DIR": str(work), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    _run(["borg", "init", "--encryption=none", repository], home)
    _run(["borg", "create", "--sparse", f"{repository}::tree", str(source)], home)
    _run(["borg", "extract", "--sparse", f"{repository}::tree"], home, to)
    return to / source.relative_to("/")


PROGRAMS: dict[str, Callable[[Path, Path], Path]] = {"tidewatch": tidewatch, "restic": restic, "borg": borg}


def there() -> list[str]:
    """Return the programs that are on this machine."""
    return [name for name in PROGRAMS if name == "tidewatch" or shutil.which(name)]


def _run(words: list[str], environment: dict[str, str] | None = None, folder: Path = ROOT) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment, cwd=folder)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words[:4])} ended with {done.returncode}: {done.stderr[-2000:]}")
    if done.stderr:
        sys.stderr.write(done.stderr[-1500:])
    return done.stdout


def _wait_for(url: str) -> None:
    gives_up = time.monotonic() + START_S
    while True:
        try:
            with urlopen(url):
                return
        except OSError:
            if time.monotonic() > gives_up:
                raise
            time.sleep(0.1)
