"""Every row of ``docs/promises.md`` and ``docs/kinds.md`` names a test, and every named test exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "promises.md", ROOT / "docs" / "kinds.md")
_NAMED = re.compile(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`")


def named() -> list[tuple[str, str]]:
    """Return file and test of each that is named; a test without a file is of the file before it."""
    found: list[tuple[str, str]] = []
    for match in (match for page in PAGES for match in _NAMED.finditer(page.read_text())):
        if match[1] or match[2]:
            found.append((match[1] or found[-1][0], match[2] or ""))
    return found


def rows() -> Iterator[str]:
    """Yield the rows of all tables that have a column of tests."""
    for page in PAGES:
        names_tests = False
        for line in page.read_text().splitlines():
            if not line.startswith("| "):
                names_tests = names_tests and line.startswith("|")
            elif line.endswith("| test |"):
                names_tests = True
            elif names_tests:
                yield line


def test_many_are_named() -> None:
    assert len(named()) > 300


def test_every_row_names_a_test() -> None:
    found = list(rows())
    assert len(found) > 200
    assert [row for row in found if not _NAMED.search(row.rsplit(" | ", 1)[1])] == []


@pytest.mark.parametrize(("file", "test"), named())
def test_a_promise_names_a_test_that_exists(file: str, test: str) -> None:
    text = (ROOT / file).read_text()
    assert re.search(rf"^(?:async )?def {test or r'test_[a-z0-9_]+'}\(", text, re.MULTILINE)
