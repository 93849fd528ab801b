"""Files that the console writes for its user: where they arrive, and what is said where they cannot."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flet as ft
import pytest

from streams.failures import CommandFailed
from ui.views.database_export import copy_new
from ui.views.downloads import BROWSER, hand_over


class Picker:
    """A dialog that a test answers."""

    def __init__(self, answer: Path | Exception | None) -> None:
        self._answer = answer
        self.asked: list[dict[str, Any]] = []

    async def save_file(self, **words: Any) -> str | None:
        self.asked.append(words)
        if isinstance(self._answer, Exception):
            raise self._answer
        return None if self._answer is None else str(self._answer)


async def _hand_over(answer: Path | Exception | None, folder: Path, *, web: bool = False) -> str | None:
    picker: Any = Picker(answer)
    page: Any = SimpleNamespace(web=web)
    where = await hand_over(picker, page, "log.txt", b"lines", title="Export log", folder=folder)
    assert picker.asked[0].get("src_bytes") == (b"lines" if web else None)
    return where


async def test_it_goes_where_the_user_says_and_over_nothing(tmp_path: Path) -> None:
    chosen = tmp_path / "chosen" / "a.txt"
    assert await _hand_over(chosen, tmp_path) == str(chosen)
    assert await _hand_over(chosen, tmp_path) == str(chosen.with_name("a (2).txt"))
    assert chosen.read_bytes() == chosen.with_name("a (2).txt").read_bytes() == b"lines"
    assert await _hand_over(None, tmp_path) is None
    assert await _hand_over(chosen, tmp_path, web=True) == BROWSER
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["a (2).txt", "a.txt"]


@pytest.mark.parametrize("refusal", [RuntimeError("zenity"), ft.FletUnsupportedPlatformException("no")])
async def test_without_a_dialog_the_downloads_folder_takes_it(tmp_path: Path, refusal: Exception) -> None:
    folder = tmp_path / "Downloads"
    assert await _hand_over(refusal, folder) == str(folder / "log.txt")
    assert (folder / "log.txt").read_bytes() == b"lines"


async def test_a_place_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    with pytest.raises(CommandFailed, match=r"taken/a\.txt: cannot be written: a part of its path"):
        await _hand_over(tmp_path / "taken" / "a.txt", tmp_path)


def test_a_large_answer_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    written = tmp_path / "written"
    written.write_bytes(b"x" * 3_000_000)
    target = tmp_path / "Downloads" / "query.csv"
    assert copy_new(written, target) == target
    assert copy_new(written, target) == target.with_name("query (2).csv")
    assert target.read_bytes() == written.read_bytes()
    with pytest.raises(CommandFailed, match=r"written/query\.csv: cannot be written"):
        copy_new(written, written / "query.csv")
