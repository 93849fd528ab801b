"""Builds the wheel, installs it into an empty environment, and uses what was installed.

    python -m tests.installed [--python PYTHON]

``deploy/install.sh`` makes the environment, with the versions of ``requirements.lock``, by their hashes.
Everything runs far from the checkout, in a folder that has an ``app`` of its own: whatever is imported comes
from the wheel. A server, a backup, a restore, the console of that server and the one of a simulated fleet are
started by their command; as root also a server as it is in the image: without rights, on a file system that
is read-only but for its data. The unit of systemd is verified where that is there. The exit code is 0 where
all of it works.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAIT_S = 120.0
SERVING = re.compile(r"serving (http://\S+:\d+)")
CONSOLE = re.compile(r"Tidewatch console: (http\S+)")
IN_IMAGE = """
ip link set lo up
mount --make-rprivate /
mount --bind "$data" "$data"
mount -t tmpfs tmpfs /tmp
mount -o remount,bind,ro /
as="--reuid 1256 --regid 1256 --clear-groups --no-new-privs"
if setpriv $as "$bin/python" -c ""; then chown 1256:1256 "$data"
else as="--bounding-set=-all --inh-caps=-all --no-new-privs"; echo "(others may not run $bin/python)"; fi
(exec setpriv $as "$bin/tidewatch" server --data "$data" --host 0.0.0.0) & server=$!
trap 'kill $server' EXIT
for _ in $(seq 100); do setpriv $as "$bin/python" "$health" 2>/dev/null && break; sleep 0.2; done
setpriv $as "$bin/python" "$health"
if setpriv $as touch "$bin/written" 2>/dev/null; then echo "the image can be written"; exit 1; fi
trap - EXIT
kill $server
wait $server
"""
"""The steps of the image's start, in namespaces of their own; its port is free there."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


class Installed:
    """The commands of an environment in which the wheel was installed."""

    def __init__(self, room: Path, python: str) -> None:
        self.room = room
        self.environment = room / "environment"
        self._run(str(ROOT / "deploy" / "install.sh"), str(self.environment), python)
        self.elsewhere = room / "elsewhere"
        (self.elsewhere / "app").mkdir(parents=True)
        (self.elsewhere / "app" / "__init__.py").write_text("raise ImportError('not this one')\n")

    def run(self, *words: str) -> str:
        """Run a command to its end and return what it printed; raises CalledProcessError."""
        return self._run(str(self.environment / "bin" / "tidewatch"), *words)

    @contextlib.contextmanager
    def running(self, says: re.Pattern[str], *words: str) -> Iterator[re.Match[str]]:
        """Run a command for the length of the block, once it has printed what is waited for."""
        out = self.room / f"{'-'.join(words[:2]).strip('-')}.out"
        with out.open("wb") as file:
            program = subprocess.Popen(
                [str(self.environment / "bin" / "tidewatch"), *words],
                stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                cwd=self.elsewhere, env=_env(),
            )  # fmt: skip
            try:
                yield self._wait(program, out, says)
            finally:
                program.send_signal(signal.SIGTERM)
                code = program.wait(WAIT_S)
        if code not in (0, 130):
            raise AssertionError(f"{words} ended with {code}: {out.read_text()[-2000:]}")

    def _wait(self, program: "subprocess.Popen[bytes]", out: Path, says: re.Pattern[str]) -> re.Match[str]:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if found := says.search(out.read_text("utf-8", "replace")):
                return found
            if program.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"it does not say {says.pattern!r}: {out.read_text()[-2000:]}")

    def _run(self, *words: str) -> str:
        cwd = getattr(self, "elsewhere", self.room)
        done = subprocess.run(words, cwd=cwd, env=_env(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{words[:4]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout


def _env() -> dict[str, str]:
    """Return the environment without what would lead an import to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))}


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def use(installed: Installed) -> None:
    """Back up, restore and look, with what was installed; raises AssertionError."""
    room, data = installed.room, installed.room / "data"
    tree = room / "tree"
    tree.mkdir()
    (tree / "one").write_bytes(os.urandom(3_000_000))
    (tree / "two").write_text("two")
    with installed.running(SERVING, "server", "--data", str(data), "--port", "0") as served:
        url = served[1]
        code = installed.run("server", "enrol", "laptop", "--data", str(data)).strip()
        agent = ("--name", "laptop", "--code", code, "--state", str(room / "state"), "--once")
        say(installed.run("agent", str(tree), "--server", url, *agent).strip().splitlines()[-1])
        token = ("--token-file", str(data / "console.token"), "--to", str(room / "back"))
        say(installed.run("restore", "laptop", "--server", url, *token).strip().splitlines()[-1])
        for name in ("one", "two"):
            (back,) = (room / "back").rglob(name)
            assert back.read_bytes() == (tree / name).read_bytes(), name
        (installed.elsewhere / "tidewatch.toml").write_text(
            f"[connection]\nmock_mode = false\nport = {url.rpartition(':')[2]}\n"
            f'database_path = "{data / "catalogue.db"}"\n'
        )
        with installed.running(CONSOLE, "--web", "--port", "0") as console:
            assert "<title>Tidewatch</title>" in _fetch(console[1])
        (installed.elsewhere / "tidewatch.toml").unlink()
    with installed.running(CONSOLE, "--web", "--port", "0") as console:
        assert "<title>Tidewatch</title>" in _fetch(console[1])


def serve_as_in_the_image(installed: Installed) -> None:
    """Run the server as the image does, until its health check is content; raises AssertionError."""
    data = installed.room / "volume"
    data.mkdir(mode=0o700)
    health = installed.environment / "health.py"
    shutil.copy(ROOT / "deploy" / "health.py", health)
    names = {"data": data, "bin": installed.environment / "bin", "health": health}
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-euc", IN_IMAGE],
        env=_env() | {name: str(path) for name, path in names.items()} | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=data, capture_output=True, text=True, check=False, timeout=WAIT_S,
    )  # fmt: skip
    assert done.returncode == 0, f"as in the image: {done.returncode} {done.stdout} {done.stderr[-2000:]}"
    assert (data / "catalogue.db").exists()
    say("serves as in the image")


def verify_unit(installed: Installed) -> None:
    """Let systemd look at the unit, with the command at its place; raises AssertionError."""
    unit = installed.room / "tidewatch-server.service"
    text = (ROOT / "deploy" / unit.name).read_text()
    unit.write_text(text.replace("/opt/tidewatch", str(installed.environment)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    say("systemd takes the unit")


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.installed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the environment")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="tidewatch-installed-", dir="/var/tmp") as room:
        Path(room).chmod(0o755)
        installed = Installed(Path(room), given.python)
        use(installed)
        if os.geteuid() == 0:
            serve_as_in_the_image(installed)
        if shutil.which("systemd-analyze"):
            verify_unit(installed)
    say("installed, and works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
