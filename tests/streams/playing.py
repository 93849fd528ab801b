"""Plays the diagrams in an operator's docstring, so that the picture in the documentation is the test.

Above the line with the call stand the sources, hot unless called cold; below it what is expected: a stream by
its name, ``<stream> watched`` its subscription, ``<source> subs`` one line for each subscription to a source.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from reactivex import Observable

from streams.testing.marbles import Marbles, Recorded

_LINE = re.compile(r"(?P<name>\w+)(?P<kind> \(cold\)| subs| watched)?:\s+(?P<diagram>\S.*)$")

Build = Callable[[dict[str, Any]], Observable[Any] | dict[str, Observable[Any]]]


def play(
    m: Marbles,
    operator: Callable[..., Any],
    build: Build,
    values: Mapping[str, Any] | None = None,
    error: Any = None,
) -> None:
    """Build the pipeline from the sources drawn in the docstring and expect what is drawn there."""
    document = inspect.getdoc(operator) or ""
    block = [line.strip() for line in document.partition("::\n")[2].splitlines() if line.strip()]
    assert block, f"{operator.__name__} draws no diagram"
    call = next(index for index, line in enumerate(block) if line.startswith(f"{operator.__name__}("))

    sources: dict[str, Recorded | Observable[Any]] = {}
    for line in block[:call]:
        name, kind, diagram = _read(line)
        make = m.cold if kind == " (cold)" else m.hot
        sources[name] = make(diagram, values, error)

    results: dict[str, str] = {}
    watched: dict[str, str] = {}
    subs: dict[str, list[str]] = {}
    for line in block[call + 1 :]:
        if line.startswith("where "):
            continue
        name, kind, diagram = _read(line)
        if kind == " subs":
            subs.setdefault(name, []).append(diagram)
        elif kind == " watched":
            watched[name] = diagram
        else:
            results[name] = diagram

    built = build(sources)
    streams = built if isinstance(built, dict) else {"result": built}
    assert streams.keys() == results.keys()
    for name, diagram in results.items():
        m.expect(streams[name], watched.get(name)).to_be(diagram, values, error)
    for name, diagrams in subs.items():
        m.expect_subscriptions(sources[name]).to_be(*diagrams)
    m.flush()


def _read(line: str) -> tuple[str, str, str]:
    found = _LINE.match(line)
    assert found, f"not a line of a diagram: {line}"
    return found["name"], found["kind"] or "", found["diagram"]
