"""The notation of marble diagrams, as in the run mode of RxJS.

One character is one frame of a millisecond. ``-`` is a frame in which nothing happens, any other character
a value, ``|`` completion, ``#`` an error; ``(ab|)`` happens in the frame of its bracket and takes as many
frames as it has characters. ``10ms ``, ``1.5s `` and ``2m `` let time pass; blanks mean nothing. In a hot
diagram ``^`` is frame 0; in a subscription diagram it subscribes and ``!`` unsubscribes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m) ")
_MILLISECONDS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0}

Kind = Literal["next", "error", "completed"]


class MarbleError(Exception):
    """What ``#`` stands for when the test does not say; all of them are equal."""


class BadDiagram(ValueError):
    """The diagram cannot be read; shows where."""

    def __init__(self, what: str, diagram: str, index: int) -> None:
        super().__init__(f"{what}\n  {diagram}\n  {' ' * index}^")


@dataclass(frozen=True, slots=True)
class Event:
    """Something a stream said, and in which frame."""

    frame: float
    kind: Kind
    value: Any = None
    """The value, or the error."""


@dataclass(frozen=True, slots=True)
class Span:
    """A subscription: from when to when."""

    start: float
    end: float | None = None
    """None when it was not ended."""


def walk(diagram: str) -> Iterator[tuple[float, str, int]]:
    """Give each symbol with its frame and its place in the text."""
    frame = 0.0
    group: float | None = None
    opened = index = 0
    while index < len(diagram):
        symbol = diagram[index]
        passing = _TIME.match(diagram, index) if index == 0 or diagram[index - 1] == " " else None
        if passing is not None:
            if group is not None:
                raise BadDiagram("time cannot pass within a group", diagram, index)
            frame += float(passing[1]) * _MILLISECONDS[passing[2]]
            index = passing.end()
            continue
        if symbol != " ":
            if symbol == "(":
                if group is not None:
                    raise BadDiagram("a group within a group", diagram, index)
                group, opened = frame, index
            elif symbol == ")":
                if group is None:
                    raise BadDiagram("this group was not opened", diagram, index)
                group = None
            elif symbol != "-":
                yield frame if group is None else group, symbol, index
            elif group is not None:
                raise BadDiagram("time cannot pass within a group", diagram, index)
            frame += 1
        index += 1
    if group is not None:
        raise BadDiagram("this group is not closed", diagram, opened)


def parse(
    diagram: str,
    values: Mapping[str, Any] | None = None,
    error: Any = None,
    *,
    hot: bool = False,
) -> list[Event]:
    """Return what the diagram says; letters stand for ``values``, or for themselves."""
    meanings = values or {}
    events: list[Event] = []
    zero = 0.0
    for frame, symbol, index in walk(diagram):
        if symbol == "^" and hot:
            zero = frame
        elif symbol in "^!":
            raise BadDiagram("this belongs into a subscription diagram", diagram, index)
        elif symbol == "|":
            events.append(Event(frame, "completed"))
        elif symbol == "#":
            events.append(Event(frame, "error", MarbleError("error") if error is None else error))
        else:
            events.append(Event(frame, "next", meanings.get(symbol, symbol)))
    return [Event(event.frame - zero, event.kind, event.value) for event in events]


def parse_span(diagram: str | None) -> Span:
    """Return when the diagram subscribes and unsubscribes; no diagram means from frame 0, for ever."""
    if diagram is None:
        return Span(0.0)
    start: float | None = None
    end: float | None = None
    for frame, symbol, index in walk(diagram):
        if symbol == "^" and start is None:
            start = frame
        elif symbol == "!" and end is None:
            end = frame
        else:
            raise BadDiagram("a subscription has one ^ and at most one !", diagram, index)
    if start is None:
        raise BadDiagram("a subscription needs a ^", diagram, 0)
    return Span(start, end)
