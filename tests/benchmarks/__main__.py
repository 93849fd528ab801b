"""Measures what the issue of speed and memory asks for, with peers in the same run, and prints one table."""

import argparse
import asyncio
import importlib
import json
import platform
import sys
import traceback
from pathlib import Path

import psutil
from rich.console import Console

from tests.benchmarks.report import Report, Result

BENCHMARKS = {
    "streams": "one event through decoding, keyed deduplication, state and conflation",
    "page": "one changed value on a page with all views",
    "agent": "scan, first backup, and the server's memory with large files",
    "quiet": "60 quiet clients: processor, memory, requests",
    "analytics": "questions about 30 days of 1,000 clients",
    "catalogue": "pages, search, verification and writes of a large catalogue; --full: 5 million files",
    "database": "sort and search of 10 million rows without an index, against datasette",
    "flood": "5,000 log lines a second with the log view open: memory, answers, what is lost",
    "hand": "click or key to the changed picture: views, details, sort, page, search, palette",
    "screen": "event to screen in a real browser, 60 clients, 200 events a second",
}

WITH_FULL_LENGTH = frozenset({"flood", "catalogue"})


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<11}{what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        epilog=f"benchmarks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE too")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), action="append", help="measure only this one")
    parser.add_argument("--quick", action="store_true", help="shorter measurements, to see that they run")
    parser.add_argument(
        "--full", action="store_true", help="the flood for ten minutes, the catalogue with 5 million files"
    )
    return parser


def main() -> int:
    """Run the chosen benchmarks; the exit code is 1 when one of them could not be measured."""
    words = _parser().parse_args()
    console = Console(width=max(120, Console().width))
    report, broken = Report(), 0
    for name in words.only or BENCHMARKS:
        console.print(f"[dim]{name}: {BENCHMARKS[name]} ...[/dim]")
        try:
            module = importlib.import_module(f"tests.benchmarks.{name}")
            length = {"full": words.full} if name in WITH_FULL_LENGTH else {}
            results: list[Result] = asyncio.run(module.measure(quick=words.quick, **length))
        except Exception:  # noqa: BLE001  (one that cannot be measured must not cost the others)
            broken += 1
            console.print(f"[red]{name} could not be measured[/red]")
            traceback.print_exc()
            continue
        report.results += results
    report.show(console)
    if words.json is not None:
        machine = {
            "python": platform.python_version(), "system": platform.platform(), "cores": psutil.cpu_count(),
        }  # fmt: skip
        rows = [result.as_json() for result in report.results]
        words.json.write_text(json.dumps({"machine": machine, "results": rows}, indent=2) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
