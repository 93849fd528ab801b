"""Translates one line of a gitignore file to a regular expression of RE2, byte for byte as git matches it.

RE2 matches in time linear in the length of the name: no pattern makes it backtrack. The rules are those of
git's ``dir.c`` and ``wildmatch.c``, with what gitignore(5) does not mention: ``?`` is one byte, a broken
class never matches, and the text before the first wildcard is compared apart from the rest.
"""

from dataclasses import dataclass

SLASH = ord("/")
NOT_SLASH = rb"[^/]"
ANY_FOLDERS = rb"(?:.*/)?"
WILDCARDS = frozenset(b"*?[\\")
CLASSES: dict[bytes, frozenset[int]] = {
    b"alnum": frozenset(b for b in range(128) if chr(b).isalnum()),
    b"alpha": frozenset(b for b in range(128) if chr(b).isalpha()),
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset((*range(32), 127)),
    b"digit": frozenset(b"0123456789"),
    b"graph": frozenset(range(33, 127)),
    b"lower": frozenset(b"abcdefghijklmnopqrstuvwxyz"),
    b"print": frozenset(range(32, 127)),
    b"punct": frozenset(b for b in range(33, 127) if not chr(b).isalnum()),
    b"space": frozenset(b" \t\n\v\f\r"),
    b"upper": frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}


class NeverMatches(ValueError):
    """The pattern is broken in a way that makes git match nothing with it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, to be matched against whole paths relative to the folder of its file."""

    regex: bytes
    negated: bool
    folders_only: bool


def parse_line(line: bytes) -> Pattern | None:
    """Return the pattern of one line; None for a blank line or a comment; raises ``NeverMatches``."""
    text = line.split(b"\0", 1)[0]
    if text.startswith(b"#"):
        return None
    text = _without_trailing_spaces(text)
    if not text:
        return None
    negated = text.startswith(b"!")
    text = text[negated:]
    folders_only = text.endswith(b"/")
    text = text[: len(text) - folders_only]
    if not text:
        raise NeverMatches("it is empty")
    if b"/" not in text:
        return Pattern(ANY_FOLDERS + _translate(text, pathname=False), negated, folders_only)
    text = text.removeprefix(b"/")
    literal = _literal_length(text)
    # git compares the text before the first wildcard by itself: what follows is at the start of its pattern.
    regex = _quote(text[:literal]) + _translate(text[literal:], pathname=True)
    return Pattern(regex, negated, folders_only)


def _without_trailing_spaces(text: bytes) -> bytes:
    end = at = 0
    while at < len(text):
        escaped = text[at] == ord("\\")
        if escaped and at + 1 == len(text):
            return text
        at += 1 + escaped
        if escaped or text[at - 1] != ord(" "):
            end = at
    return text[:end]


def _literal_length(text: bytes) -> int:
    return next((at for at, byte in enumerate(text) if byte in WILDCARDS), len(text))


def _quote(text: bytes) -> bytes:
    return b"".join(b"%c" % b if chr(b).isalnum() and b < 128 else b"\\x%02x" % b for b in text)


def _translate(text: bytes, *, pathname: bool) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < len(text):
        char = text[at : at + 1]
        if char == b"\\":
            if at + 1 == len(text):
                raise NeverMatches("it ends with a backslash")
            parts.append(_quote(text[at + 1 : at + 2]))
            at += 2
        elif char == b"?":
            parts.append(NOT_SLASH)
            at += 1
        elif char == b"[":
            members, at = _bracket(text, at + 1)
            parts.append(_class_of(members))
        elif char == b"*":
            part, at = _stars(text, at, pathname=pathname)
            parts.append(part)
        else:
            parts.append(_quote(char))
            at += 1
    return b"".join(parts)


def _stars(text: bytes, start: int, *, pathname: bool) -> tuple[bytes, int]:
    end = start
    while text[end : end + 1] == b"*":
        end += 1
    if end - start == 1 or not pathname or not (start == 0 or text[start - 1] == SLASH):
        return rb"[^/]*", end
    if end == len(text):
        return rb".*", end
    if text[end] == SLASH:
        return ANY_FOLDERS, end + 1
    if text[end : end + 2] == b"\\/":
        return rb".*", end
    return rb"[^/]*", end


def _bracket(text: bytes, at: int) -> tuple[frozenset[int], int]:
    """Return the bytes that the class beginning at ``at`` stands for, and where it ends."""
    members: set[int] = set()
    negated = text[at : at + 1] in (b"!", b"^")
    at += negated
    first, previous = True, 0
    while first or text[at : at + 1] != b"]":
        first = False
        char = text[at] if at < len(text) else 0
        if char == ord("-") and previous and text[at + 1 : at + 2] not in (b"", b"]"):
            high, at = _escaped(text, at + 1)
            members.update(range(previous, high + 1))
            char = 0
        elif char == ord("[") and text[at + 1 : at + 2] == b":":
            end = text.find(b"]", at + 2)
            if end < 0:
                raise NeverMatches("its class is not closed")
            if end > at + 2 and text[end - 1] == ord(":"):
                try:
                    members |= CLASSES[text[at + 2 : end - 1]]
                except KeyError:
                    raise NeverMatches("it names an unknown class of characters") from None
                char, at = 0, end
            else:
                members.add(char)
        else:
            char, at = _escaped(text, at)
            members.add(char)
        previous = char
        at += 1
    if negated:
        members = set(range(256)) - members
    return frozenset(members - {SLASH}), at + 1


def _escaped(text: bytes, at: int) -> tuple[int, int]:
    """Return the byte at ``at``, or the one after a backslash there, and where it stands."""
    at += text[at : at + 1] == b"\\"
    if at >= len(text):
        raise NeverMatches("its class is not closed")
    return text[at], at


def _class_of(members: frozenset[int]) -> bytes:
    if not members:
        raise NeverMatches("its class is empty")
    return b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(members)) + b"]"
