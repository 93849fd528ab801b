"""Text from outside made safe to show: names, reasons and labels may hold anything.

A control character moves the cursor of a terminal or sets its title; a bidirectional override makes
``gpj.exe`` read as ``exe.jpg``; a character without width hides a difference.
"""

import re
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Controls, line separators, what has no width, marks and overrides of direction, halves of letters."""


def terminal_text(text: str) -> str:
    """Return ``text`` on one line, with all that is not printable written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def screen_text(text: str) -> str:
    """Return ``text`` on one line for the console: what is invisible, or turns text around, as an escape.

    Joined emoji and spaces of other scripts stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: _escape(found[0]), text)


def label_text(text: str) -> str:
    """Return ``text`` as ``screen_text`` does; tabs and line breaks, which lay labels out, stay."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found[0]), text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
