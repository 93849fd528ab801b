import signal
import subprocess
import sys

import pytest

STUCK = """
import asyncio, time
from app.agent import foreground
async def work():
    print("begun", flush=True)
    await asyncio.to_thread(time.sleep, 600)
    return 0
raise SystemExit(foreground.run(work(), "It was stopped.", stopped_code=7))
"""


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_whose_thread_waits_for_ever(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said.splitlines()[0]) == (7, "tidewatch: It was stopped.")
