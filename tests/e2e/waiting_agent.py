"""The agent's command, saying each time that it waits, and looking at its clock each second meanwhile.

It has noted the last backup by then, so that a clock which is set after it is set under an agent that waits.
"""

import sys

from app.__main__ import main
from app.agent import schedule

WAITS = "it waits for the next backup"

if __name__ == "__main__":
    schedule.LOOK_S = 1.0
    wait_s = schedule.Schedule.wait_s

    def saying(self: schedule.Schedule) -> float:
        print(WAITS, flush=True)  # noqa: T201
        return wait_s(self)

    schedule.Schedule.wait_s = saying
    sys.exit(main(["agent", *sys.argv[1:]]))
