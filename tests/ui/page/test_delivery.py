"""Files that the console gives its user: where they arrive, their names, what is said where they cannot."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import flet as ft
import pytest

from streams.model.failures import CommandFailed
from tests.ui.harness import PageHarness
from ui.base.delivery import BROWSER, Delivery, file_name, pieces_of, pieces_of_file, written

AT = datetime(2026, 3, 11, 12, 30, 5, tzinfo=UTC)


class Desk:
    def __init__(self, page: PageHarness, folder: Path) -> None:
        self.page = page
        self.delivery = Delivery(lambda: page.page, page.context.hand_out, folder=folder)

    async def give(self, data: bytes = b"lines") -> str | None:
        return await self.delivery.give("log.txt", lambda: pieces_of(data), title="Export log")

    def answer(self, chosen: Path | None) -> None:
        self.page.connection.replies["save_file"] = lambda _asked: None if chosen is None else str(chosen)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with PageHarness.open() as page:
        yield Desk(page, tmp_path / "Downloads")


async def test_in_a_window_it_goes_where_the_user_says_and_over_nothing(desk: Desk, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen" / "a.txt"
    desk.answer(chosen)
    assert await desk.give() == str(chosen)
    assert await desk.give() == str(chosen.with_name("a (2).txt"))
    assert chosen.read_bytes() == chosen.with_name("a (2).txt").read_bytes() == b"lines"
    desk.answer(None)
    assert await desk.give() is None


@pytest.mark.parametrize("refusal", [RuntimeError("zenity"), ft.FletUnsupportedPlatformException("no")])
async def test_without_a_dialog_the_downloads_folder_takes_it(
    desk: Desk, tmp_path: Path, refusal: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **_more: object) -> str:
        raise refusal

    monkeypatch.setattr(ft.FilePicker, "save_file", refuse)
    assert await desk.give() == str(tmp_path / "Downloads" / "log.txt")
    assert (tmp_path / "Downloads" / "log.txt").read_bytes() == b"lines"


async def test_in_a_browser_it_goes_to_the_browser(tmp_path: Path) -> None:
    async with PageHarness.open(web=True) as page:
        desk = Desk(page, tmp_path)
        opened: list[str] = []
        page.connection.replies["launch_url"] = lambda asked: opened.append(asked["url"])
        assert await desk.give(b"x" * 3_000_000) == BROWSER
        assert opened == ["download/ticket"]
        assert page.browser.files == [("log.txt", b"x" * 3_000_000)]
        assert list(tmp_path.iterdir()) == []


async def test_what_fails_in_its_middle_leaves_nothing(tmp_path: Path) -> None:
    async def cut() -> AsyncGenerator[bytes]:
        yield b"beginning"
        raise CommandFailed("checksum mismatch", code="hash_mismatch")

    with pytest.raises(CommandFailed, match="checksum mismatch"):
        await written(tmp_path / "a.bin", cut)
    assert list(tmp_path.iterdir()) == []


async def test_a_place_that_takes_nothing_is_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    desk.answer(tmp_path / "taken" / "a.txt")
    with pytest.raises(CommandFailed, match=r"taken/a\.txt: cannot be written: a part of its path"):
        await desk.give()


async def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 10_000)
    read = b"".join([piece async for piece in pieces_of_file(tmp_path / "a")])
    assert read == (tmp_path / "a").read_bytes()


def test_a_name_says_of_what_and_when_and_fits_every_disk() -> None:
    assert file_name("log /err|or/", AT, "txt") == "tidewatch-log-err-or-2026-03-11-123005.txt"
    assert file_name("web-01 12 files", AT, "zip") == "tidewatch-web-01-12-files-2026-03-11-123005.zip"
    long = file_name("x" * 500, AT, "csv")
    assert len(long.encode()) < 255 and long.endswith("-2026-03-11-123005.csv")
    assert len(file_name("漢" * 500, AT, "csv").encode()) < 255
    assert not set('/\\:*?"<>|') & set(file_name('a/b\\c:d*e?f"g<h>i|j', AT, "zip"))
