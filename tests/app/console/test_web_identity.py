"""The page is the program's own: its name, icons and loading screen, and nothing of the toolkit's."""

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest
from flet_web import get_package_web_dir

from app.console.composition import ASSETS

TOOLKIT = Path(get_package_web_dir())
PAGE = (ASSETS / "index.html").read_text("utf-8")
KNOWN_PAGE = "971ecd93a39b8258db024a9d9a4d48bc454bbaff342567bc7f90db4bf63fa3ee"
"""SHA-256 of the toolkit's own page that ours was made after; where it changes, ours is to be looked at."""
BRANDED = ("index.html", "manifest.json", "version.json", "favicon.png")
ICONS = tuple(sorted(path.name for path in (TOOLKIT / "icons").iterdir() if path.name.endswith("192.png")))


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("name", [*BRANDED, *(f"icons/{icon}" for icon in ICONS)])
def test_each_file_that_shows_the_toolkit_is_replaced(name: str) -> None:
    own = (ASSETS / name).read_bytes()
    assert own != (TOOLKIT / name).read_bytes()
    assert b"Flet" not in own


def test_the_page_tells_its_name_and_its_language() -> None:
    assert "<title>Tidewatch</title>" in PAGE
    assert '<html lang="en">' in PAGE
    assert "Flet" not in PAGE
    assert 'content="Tidewatch"' in PAGE


def test_the_page_has_what_the_toolkit_fills_in() -> None:
    assert '<base href="/">' in PAGE
    assert "<!-- fletAppConfig -->" in PAGE
    assert '<script src="flutter_bootstrap.js" async></script>' in PAGE
    assert 'id="loading"' in PAGE  # removed by the toolkit with its first frame
    for key in re.findall(r"flet\.(\w+)\b", (TOOLKIT / "flutter_bootstrap.js").read_text("utf-8")):
        assert key in PAGE or key == "flutterApp", key


def test_the_toolkits_page_is_the_one_that_ours_was_made_after() -> None:
    known = hashlib.sha256((TOOLKIT / "index.html").read_bytes()).hexdigest()
    assert known == KNOWN_PAGE


def test_nothing_of_the_page_is_fetched_from_elsewhere() -> None:
    for name in ("index.html", "manifest.json"):
        addresses = re.findall(r"(?:https?:)?//[\w.]+\.\w+/?", (ASSETS / name).read_text("utf-8"))
        assert not addresses


def test_the_manifest_names_icons_of_the_size_they_have() -> None:
    manifest = json.loads((ASSETS / "manifest.json").read_text("utf-8"))
    assert manifest["name"] == manifest["short_name"] == "Tidewatch"
    for icon in manifest["icons"]:
        width, height = size_of((ASSETS / icon["src"]).read_bytes())
        assert icon["sizes"] == f"{width}x{height}"
