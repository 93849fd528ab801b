"""Whatever becomes of standard output and error, the work and its exit code stay what they are."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runtime import standard_streams
from app.runtime.standard_streams import LastingStream

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
SPEAKS = """
import sys
from app.runtime.standard_streams import protect
protect()
for _ in range(2000):
    print("a line of some length, ÄÖÜ 日本語", flush=True)
    print("another", file=sys.stderr)
opened = open(sys.argv[1], "w")
assert opened.fileno() > 2
opened.write("whole")
opened.close()
sys.exit(7)
"""


def closed(file: int) -> Callable[[], None]:
    return lambda: os.close(file)


@pytest.mark.parametrize("file", [1, 2])
def test_a_closed_file_costs_nothing(tmp_path: Path, file: int) -> None:
    done = tmp_path / "done"
    command = [sys.executable, "-c", SPEAKS, done]
    ended = subprocess.run(command, preexec_fn=closed(file), check=False, stdin=subprocess.DEVNULL)
    assert ended.returncode == 7
    assert done.read_text() == "whole"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii:strict"])
def test_a_reader_that_is_gone_costs_nothing(tmp_path: Path, encoding: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-c", SPEAKS, tmp_path / "done"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, check=False)
    os.close(theirs)
    assert ended.returncode == 7


def test_a_full_disk_costs_nothing(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", SPEAKS, tmp_path / "done"]
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 7


def test_the_program_begins_with_that() -> None:
    """Elsewhere a refusal that cannot be written ends as a fault, with another code."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "app", "agent", "--no-such-flag"]
        assert subprocess.run(command, cwd=ROOT, stderr=full, check=False).returncode == 2


def test_a_reader_that_does_not_read_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard_streams, "PATIENCE_S", 0.01)
    ours, theirs = os.pipe()
    stream = LastingStream(theirs, "utf-8")
    for number in range(20_000):
        stream.write(f"line {number}\n")
    read = os.read(ours, 1 << 20)
    assert read.startswith(b"line 0\nline 1\n")
    stream.write("again\n")
    assert os.read(ours, 100) == b"again\n"
    os.close(theirs)
    os.close(ours)
