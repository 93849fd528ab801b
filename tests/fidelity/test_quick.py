"""The oddities alone, with the programs that are there; as root with owners and devices."""

from pathlib import Path

import pytest

from tests.fidelity.__main__ import compare, differences, worse
from tests.fidelity.odd_tree import make
from tests.fidelity.programs import PROGRAMS, there
from tests.programs import required

pytestmark = pytest.mark.needs("rsync")


def test_rsync_finds_what_is_not_as_it_was(tmp_path: Path) -> None:
    for name in ("source", "copy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
    (tmp_path / "copy" / "more").touch()
    (tmp_path / "copy" / "f").chmod(0o600)
    found = differences(tmp_path / "source", tmp_path / "copy")
    assert any("more" in line for line in found)
    assert any(line.endswith(" f") for line in found)


def test_nothing_is_lost_that_others_keep(tmp_path: Path) -> None:
    assert set(there()) == set(PROGRAMS) or not required()
    source = tmp_path / "tree"
    make(source, [])
    compared = compare(source, there(), tmp_path)
    assert worse(compared) == []
    ours = next(each for each in compared if each.program == "tidewatch")
    assert ours.differences == ()
    held = sum(path.stat().st_blocks for path in (source / "odd" / "sparse").iterdir())
    assert ours.blocks <= held
