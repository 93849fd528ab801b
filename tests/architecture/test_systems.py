"""Differences between operating systems stand in ``app/agent/system`` alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM = ROOT / "app/agent/system"


@pytest.mark.integration
@pytest.mark.parametrize("platform", ["Darwin", "Windows"])
def test_the_agent_asks_the_system_in_one_place(platform: str) -> None:
    checker = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*checker, "--pythonplatform", platform, "--outputjson", "app/agent"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    elsewhere = [each for each in found if not Path(each["file"]).is_relative_to(SYSTEM)]
    assert found, "nothing was checked"
    assert not elsewhere, "\n".join(
        f"{each['file']}:{each['range']['start']['line'] + 1}: {each['message']}" for each in elsewhere
    )
