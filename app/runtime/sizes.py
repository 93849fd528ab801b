"""Sizes in words, for flags and commands."""

import re

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,6})?)\s*(?:([kmgtp])(i)?)?b?", re.IGNORECASE)


def bytes_of_size(text: str) -> int | None:
    """Return the bytes of a number, perhaps with a unit; None where it is no size.

    ``500GB`` and ``500G`` are powers of 1,000, ``500GiB`` and ``500Gi`` powers of 1,024.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    number, unit, binary = match.groups()
    return round(float(number) * (1024 if binary else 1000) ** " kmgtp".index((unit or " ").lower()))
