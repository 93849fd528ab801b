"""A real server whose log is flooded: ``python -m tests.benchmarks.flooding --data DIR --rate N``.

Prints one JSON line once it answers, floods after a line on its standard input, and ends with that input;
then it prints how many lines it has said.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import structlog

from app.config.sections import ServerSettings
from app.runtime.logging import set_up_logs
from app.server.run import ServerInfo, serve

FILL = "a line like many others of a server that has much to say"
MARK_EVERY_S = 1.0
BEAT_S = 0.01
BATCH = 100

log = structlog.stdlib.get_logger("app.server.flood")


def main() -> None:
    """Serve and flood until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=5000, help="lines a second")
    words = parser.parse_args()
    set_up_logs(level="warning")
    asyncio.run(_run(words.data, words.rate))


async def _run(data: Path, rate: int) -> None:
    stop, begin = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hear() -> None:
        if sys.stdin.readline():
            begin.set()
        else:
            loop.remove_reader(sys.stdin)
            stop.set()

    def ready(info: ServerInfo) -> None:
        print(json.dumps({"port": info.port, "database_path": str(info.database_path)}), flush=True)  # noqa: T201

    async def flood() -> None:
        await begin.wait()
        said = await _say(rate, stop)
        print(json.dumps({"said": said}), flush=True)  # noqa: T201

    loop.add_reader(sys.stdin, hear)
    flooding = asyncio.create_task(flood())
    await serve(data, host="127.0.0.1", port=0, settings=ServerSettings(port=0), ready=ready, stop=stop)
    begin.set()
    await flooding


async def _say(rate: int, stop: asyncio.Event) -> int:
    """Say so many lines a second, however late the loop is; return how many it were."""
    said, marks, start = 0, 0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(BEAT_S)
        passed = time.monotonic() - start
        for number in range(said, int(passed * rate)):
            log.info("flood_line", number=number, text=FILL, client="web-01", run=number % 1000)
            said += 1
            if said % BATCH == 0:
                await asyncio.sleep(0)  # as requests do, each of which says some lines
        if passed >= marks * MARK_EVERY_S:
            marks += 1
            log.warning("marked_line", number=marks)
            said += 1
    return said


if __name__ == "__main__":
    main()
