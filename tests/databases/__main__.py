"""Look at every database below a folder as the Database view does, and compare with the sqlite3 program.

Prints a line for each file and what differs; exit code 1 where anything does.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.databases.compare import compare

MAGIC = b"SQLite format 3\x00"


def databases(folder: Path) -> list[Path]:
    """Return the databases below a folder."""
    found: list[Path] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(("-wal", "-journal", "-shm")):
            with path.open("rb") as file:
                if file.read(len(MAGIC)) == MAGIC:
                    found.append(path)
    return found


async def main(folder: Path) -> int:
    """Compare all; return the exit code."""
    differing = 0
    for path in databases(folder):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as room:
            found = await compare(path, Path(room))
        took = time.monotonic() - start
        name = path.relative_to(folder)
        line = (
            f"{name}: {found.tables} tables ({found.unread} not read), {found.rows:,} rows,"
            f" {found.questions:,} comparisons, {len(found.differences)} differ,"
            f" {found.columns_left_out} columns left out, {took:.0f} s"
        )
        print(line, *(f"    {difference}" for difference in found.differences[:12]), sep="\n", flush=True)  # noqa: T201
        differing += bool(found.differences)
    return 1 if differing else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.databases", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    sys.exit(asyncio.run(main(parser.parse_args().folder)))
