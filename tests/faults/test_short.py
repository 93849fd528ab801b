"""The fault suite in less than a minute: some crash points, kills and cuts, and the parts that judge them."""

import random
from pathlib import Path

import pytest

from tests.faults.__main__ import quick
from tests.faults.cuts import cuts
from tests.faults.disk import Disk, Loss, Operation
from tests.faults.kills import kills
from tests.faults.layer import NoCompiler, Op, library
from tests.faults.points import Kind
from tests.faults.scenarios import SCENARIOS
from tests.faults.soak import Sample, grown
from tests.programs import lacking

QUICK_S = 20.0


@pytest.mark.timeout(600)
def test_crash_points_lose_nothing() -> None:
    try:
        library()
    except NoCompiler as reason:
        lacking(str(reason))
    tally = quick(QUICK_S)
    assert tally.lost == []
    assert {scenario for scenario, _ in tally.tried} == set(SCENARIOS)
    assert {kind for _, kind in tally.tried} == set(Kind)


@pytest.mark.timeout(600)
async def test_kills_lose_nothing() -> None:
    assert await kills(4) == 0


@pytest.mark.timeout(600)
async def test_cuts_lose_nothing() -> None:
    assert await cuts(60) == 0


def _done(op: Op, path: str = "", data: bytes = b"", *, number: int = 1, flags: int = 0) -> Operation:
    return Operation(number, op, 3, flags, path, "", 0, data)


@pytest.mark.parametrize(
    ("failed", "folder_synced", "left"),
    [(False, True, b"new"), (False, False, None), (True, True, b"")],
)
def test_a_disk_keeps_what_was_synced(
    tmp_path: Path, failed: bool, folder_synced: bool, left: bytes | None
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    disk, path = Disk(root), str(root / "file")
    disk.play(_done(Op.OPEN, path, flags=1))
    disk.play(_done(Op.WRITE, path, b"new"))
    disk.play(_done(Op.SYNC, path, flags=int(failed)))
    disk.play(_done(Op.SYNC, path))  # a second one says nothing about what the first has lost
    disk.play(_done(Op.CLOSE))
    if folder_synced:
        disk.play(_done(Op.OPEN, str(root), flags=4))
        disk.play(_done(Op.SYNC, str(root)))
    disk.image(tmp_path / "image", Loss.LOST, random.Random(1))
    file = tmp_path / "image" / "file"
    assert (file.read_bytes() if file.exists() else None) == left


def test_growth_is_seen_and_a_flat_line_is_none() -> None:
    flat = [Sample(float(n), 100 + n % 3, 50, 9, 200) for n in range(30)]
    assert grown(flat) == []
    growing = [Sample(float(n), 100 + 10 * n, 50 + 5 * n, 9, 200) for n in range(30)]
    assert grown(growing) == ["memory_mb grew from 245 to 345", "files grew from 122 to 172"]
