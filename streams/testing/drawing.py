"""Draws the difference of two recordings as marbles on one time axis."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams.testing.syntax import Event, Span

_FRESH_LETTERS = "xyzuvwXYZUVWpqrstPQRSTabcdefghijklmnoABCDEFGHIJKLMNO0123456789"
_LONGEST_DASHES = 9
_WIDEST_VALUE = 120


def difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """Return the first leaf in which two values differ, as ``['a'].b: expected 1, got 2``; None if in none.

    Stricter than ``==``: True is not 1. Kinder: not-a-number equals itself, and exceptions are equal if
    their type and text are; a type stands for any error of that type.
    """
    if isinstance(actual, BaseException) and isinstance(expected, type):
        return None if isinstance(actual, expected) else _told(path, expected, actual)
    if isinstance(expected, BaseException) and isinstance(actual, BaseException):
        alike = type(expected) is type(actual) and str(expected) == str(actual)
        return None if alike else _told(path, expected, actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _mappings_differ(expected, actual, path)
    if type(expected) is type(actual):
        parts = _parts(expected, actual)
        if parts is not None:
            lengths = [len(one) for one in (expected, actual) if isinstance(one, list | tuple)]
            if len(set(lengths)) > 1:
                return _told(f"{path} (length)", *lengths)
            found = (difference(left, right, f"{path}{name}") for name, left, right in parts)
            return next((one for one in found if one is not None), None)
    return None if _leaves_equal(expected, actual) else _told(path, expected, actual)


def _mappings_differ(expected: Mapping[Any, Any], actual: Mapping[Any, Any], path: str) -> str | None:
    for key in expected:
        if key not in actual:
            return f"{path}[{key!r}]: expected {_short(expected[key])}, got no such key"
    for key in actual:
        if key not in expected:
            return f"{path}[{key!r}]: expected no such key, got {_short(actual[key])}"
    found = (difference(expected[key], actual[key], f"{path}[{key!r}]") for key in expected)
    return next((one for one in found if one is not None), None)


def _parts(expected: Any, actual: Any) -> Iterable[tuple[str, Any, Any]] | None:
    if isinstance(expected, list | tuple):
        both = enumerate(zip(expected, actual, strict=False))
        return ((f"[{index}]", left, right) for index, (left, right) in both)
    names: Sequence[str]
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        names = [one.name for one in dataclasses.fields(expected) if one.compare]
    elif isinstance(expected, msgspec.Struct):
        names = expected.__struct_fields__
    else:
        return None
    return ((f".{name}", getattr(expected, name), getattr(actual, name)) for name in names)


def _leaves_equal(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) is not isinstance(actual, bool):
        return False
    if isinstance(expected, float) and isinstance(actual, float) and math.isnan(expected):
        return math.isnan(actual)
    return expected is actual or bool(expected == actual)


def _told(path: str, expected: Any, actual: Any) -> str:
    return f"{path}: expected {_short(expected)}, got {_short(actual)}".removeprefix(": ")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 1] + "…"


class _Letters:
    """Names for values: the test's own where it has one."""

    def __init__(self, values: Mapping[str, Any] | None) -> None:
        self._named: dict[str, Any] = dict(values or {})
        self.used: dict[str, Any] = {}

    def of(self, event: Event) -> str:
        if event.kind != "next":
            return "|" if event.kind == "completed" else "#"
        value = event.value
        for letter, meaning in (*self._named.items(), *self.used.items()):
            if difference(meaning, value) is None:
                self.used[letter] = value
                return letter
        plain = isinstance(value, str) and len(value) == 1 and value not in "-()|#^! "
        letter = value if plain and value not in self._named else self._fresh()
        self.used[letter] = value
        return letter

    def _fresh(self) -> str:
        taken = self._named.keys() | self.used.keys()
        return next((letter for letter in _FRESH_LETTERS if letter not in taken), "?")

    def legend(self) -> list[str]:
        return [f"     {letter} = {_short(value)}" for letter, value in self.used.items() if letter != value]


def draw_events(
    expected: Sequence[Event], actual: Sequence[Event], values: Mapping[str, Any] | None = None
) -> str:
    """Draw both recordings, aligned, with what their letters mean and the first event that differs."""
    letters = _Letters(values)
    above, below = _by_frame(expected, letters), _by_frame(actual, letters)
    rows = _draw_rows((above, below))
    lines = [f"  expected: {rows[0]}", f"  actual:   {rows[1]}", *letters.legend()]
    lines += _errors("expected", expected) + _errors("actual", actual)
    lines.append(f"  {_first_difference(expected, actual, letters)}")
    return "\n".join(lines)


def draw_spans(expected: Sequence[Span], actual: Sequence[Span]) -> str:
    """Draw the subscriptions that were expected and those there were, one a line, on one time axis."""
    spans = [*expected, *actual]
    rows = _draw_rows([_span_marks(span) for span in spans])
    shown = [f"  expected: {row}" for row in rows[: len(expected)]] or ["  expected: none"]
    shown += [f"  actual:   {row}" for row in rows[len(expected) :]] or ["  actual:   none"]
    return "\n".join(shown)


def _span_marks(span: Span) -> dict[float, str]:
    if span.end == span.start:
        return {span.start: "(^!)"}
    return {span.start: "^"} | ({} if span.end is None else {span.end: "!"})


def _by_frame(events: Sequence[Event], letters: _Letters) -> dict[float, str]:
    frames: dict[float, str] = {}
    for event in events:
        frames[event.frame] = frames.get(event.frame, "") + letters.of(event)
    return {frame: text if len(text) == 1 else f"({text})" for frame, text in frames.items()}


def _draw_rows(rows: Sequence[Mapping[float, str]]) -> list[str]:
    drawn = [""] * len(rows)
    at = 0.0
    for frame in sorted({frame for row in rows for frame in row}):
        gap = frame - at
        plain = gap <= _LONGEST_DASHES and float(gap).is_integer()
        between = "-" * int(max(gap, 0)) if plain else f" {gap:g}ms "
        marks = [row.get(frame, "") for row in rows]
        width = max(map(len, marks))
        for index, mark in enumerate(marks):
            drawn[index] += between + mark.ljust(width, "-")
        at = max(frame, at) + width
    return drawn


def _errors(whose: str, events: Sequence[Event]) -> list[str]:
    return [f"     # = {_short(event.value)} ({whose})" for event in events if event.kind == "error"]


def _first_difference(expected: Sequence[Event], actual: Sequence[Event], letters: _Letters) -> str:
    for index in range(max(len(expected), len(actual))):
        if index >= len(expected):
            return f"event {index + 1}: expected nothing, got {_named(actual[index], letters)}"
        if index >= len(actual):
            return f"event {index + 1}: expected {_named(expected[index], letters)}, got nothing"
        left, right = expected[index], actual[index]
        if left.kind != right.kind or left.frame != right.frame:
            return f"event {index + 1}: expected {_named(left, letters)}, got {_named(right, letters)}"
        leaf = difference(left.value, right.value)
        if leaf is not None:
            return f"event {index + 1} at {left.frame:g}ms: {leaf}"
    return "no difference"


def _named(event: Event, letters: _Letters) -> str:
    return f"{letters.of(event)} at {event.frame:g}ms"
