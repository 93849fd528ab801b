"""Matches log lines against a filter and finds the place of the match, in time linear in the text."""

from collections.abc import Callable

import re2

from streams.model.failures import TidewatchError
from streams.model.logs import LogFilter, LogLine

LONGEST = 400
"""Characters of an expression; a longer one is a mistake."""
MEMORY_BYTES = 4 * 1024 * 1024

Match = Callable[[LogLine], bool]


class WrongExpression(TidewatchError):
    """What was typed between the slashes is no regular expression."""

    code = "bad_request"


def _options(*, literal: bool) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.literal = literal
    options.log_errors = False
    options.max_mem = MEMORY_BYTES
    return options


class Search:
    """A text or ``/expression/`` to look for; nothing is found of an empty one."""

    def __init__(self, text: str) -> None:
        """Raises WrongExpression."""
        literal = not is_expression(text)
        pattern = text if literal else text[1:-1]
        if len(pattern) > LONGEST:
            raise WrongExpression(f"The expression is longer than {LONGEST} characters.")
        self._pattern = None
        if pattern:
            try:
                self._pattern = re2.compile(pattern, _options(literal=literal))
            except re2.error as error:
                raise WrongExpression(f"Not an expression: {_reason(error)}.") from None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def found_in(self, text: str) -> bool:
        """Whether it is in ``text``."""
        return self._pattern is None or self._pattern.search(text) is not None

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return where it is in ``text``, each place from its start to its end."""
        if self._pattern is None:
            return []
        return [found.span() for found in self._pattern.finditer(text) if found.end() > found.start()]


def is_expression(text: str) -> bool:
    """Whether ``text`` is meant as an expression."""
    return len(text) > 1 and text.startswith("/") and text.endswith("/")


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else "it cannot be read"
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    reason, _, part = text.partition(": ")  # the engine says what is wrong, and after a colon with which part
    return f'{reason} in "{part}"' if part else reason


def line_text(line: LogLine) -> str:
    """Return all that can be found of a line, as it stands on the screen."""
    fields = " ".join(f"{name}={value}" for name, value in line.fields.items())
    return f"{line.message} {fields} {line.logger}"


def matcher(wanted: LogFilter) -> Match:
    """Return whether a line is wanted; raises WrongExpression."""
    search = Search(wanted.text)
    levels, sources = wanted.levels, wanted.sources
    named = {
        name: value
        for name in ("client_id", "run_id", "correlation_id")
        if (value := getattr(wanted, name)) is not None
    }
    until = wanted.until

    def matches(line: LogLine) -> bool:
        if line.level not in levels or line.source not in sources:
            return False
        if until is not None and line.at > until:
            return False
        for name, value in named.items():
            if getattr(line, name) != value:
                return False
        return not search or search.found_in(line_text(line))

    return matches
