"""Splits SQL into tokens as SQLite does, as far as names, literals and dots are concerned."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_ABOVE_ASCII = "\u0080-\U0010ffff"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n\f\r\ufeff]+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<blob>[xX]'[0-9a-fA-F]*')
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_{_ABOVE_ASCII}][A-Za-z0-9_${_ABOVE_ASCII}]*)
    |(?P<sign>.)
    """,
    re.DOTALL | re.VERBOSE,
)
NAMES = frozenset({"name", "quoted", "string"})
"""Kinds that can name a table; SQLite takes a string for a name where it expects one."""
LITERALS = frozenset({"blob", "string", "number"})


class Token(NamedTuple):
    """A token and its place; comments and spaces are left out."""

    kind: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """The name that it stands for, in lower case and without its quotes."""
        if self.kind in ("quoted", "string"):
            mark = self.text[-1]
            return self.text[1:-1].replace(mark * 2, mark).lower()
        return self.text.lower()


def tokens_of(sql: str) -> Iterator[Token]:
    """Yield the tokens of a statement."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "sign"
        if kind != "space":
            yield Token(kind, match[0], match.start())


_ORDERS = frozenset({"binary", "nocase", "rtrim"})


def foreign_orders(sql: str) -> set[str]:
    """Return the collations that a CREATE statement names and SQLite does not have, in lower case."""
    found = list(tokens_of(sql))
    named = {after.name for word, after in pairwise(found) if word.text.upper() == "COLLATE"}
    return named - _ORDERS
