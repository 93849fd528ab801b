"""The map of ARCHITECTURE.md names the folders that there are, and no others."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "streams", "ui")


def _mapped() -> set[str]:
    """Return the folders of the map, by the indentation of its lines."""
    text = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    found: set[str] = set()
    package = ""
    for line in text.splitlines():
        if top := re.match(r"(\w+)/ ", line):
            package = top[1]
        elif room := re.match(r"  (\w+)/ ", line):
            found.add(f"{package}/{room[1]}")
    return found


def test_the_map_names_every_room() -> None:
    there = {
        f"{package}/{folder.name}"
        for package in PACKAGES
        for folder in (ROOT / package).iterdir()
        if folder.is_dir() and any(folder.rglob("*.py"))
    }
    assert _mapped() == there


def test_no_module_lies_beside_the_rooms() -> None:
    loose = [path.name for package in PACKAGES for path in (ROOT / package).glob("*.py")]
    assert sorted(loose) == ["__init__.py", "__init__.py", "__init__.py", "__main__.py"]
