"""What ``docs/promises.md`` and ``docs/kinds.md`` name as a test is one."""

import re
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


def test_many_are_named() -> None:
    assert len(named()) > 30


@pytest.mark.parametrize(("file", "test"), named())
def test_a_promise_names_a_test_that_exists(file: str, test: str) -> None:
    text = (ROOT / file).read_text()
    assert re.search(rf"^(?:async )?def {test or r'test_[a-z0-9_]+'}\(", text, re.MULTILINE)
