"""Programs that tests need are installed by ``.ci/run``: a clean machine has none of them."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

INSTALLED = set(re.findall(r"^need (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
WITH_THE_SYSTEM = {"python3", "git", "ps"}
"""What the environment could not be made without, or a machine without which is none."""


def _needed(path: Path) -> list[tuple[str, ...]]:
    """Return the programs that a file of tests needs; of several in one place, one is enough."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [
        tuple(
            each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        for call in calls
        if (isinstance(call.func, ast.Attribute) and call.func.attr == "needs")
        or (isinstance(call.func, ast.Name) and call.func.id == "needed")
    ]


FILES = sorted((ROOT / "tests").rglob("*.py"))
NEEDED = [(path, names) for path in FILES for names in _needed(path) if names]


@pytest.mark.parametrize(
    ("path", "names"), NEEDED, ids=lambda each: str(each[0]) if isinstance(each, tuple) else each.stem
)
def test_what_a_test_needs_is_installed(path: Path, names: tuple[str, ...]) -> None:
    assert INSTALLED.union(WITH_THE_SYSTEM).intersection(names), (
        f"{path.name}: .ci/run installs none of {names}"
    )


def test_the_tests_that_need_programs_are_found() -> None:
    assert {"rsync", "sqlite3", "mkfs.vfat"} <= {name for _, names in NEEDED for name in names}
