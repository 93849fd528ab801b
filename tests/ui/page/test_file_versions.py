"""The versions of a file, beside the files."""

from collections.abc import AsyncIterator

import flet as ft
import msgspec
import pytest

from streams.model.vocabulary import FileState
from tests.ui import fleet
from tests.ui.files_desk import Desk, open_desk
from ui.base.context import Place
from ui.components.icon_button import tooltip_text
from ui.views.logs.deeplink import led_to


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_versions_of_a_file_each_with_its_download(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    file = fleet.file_of(2, desk.page.now())
    panel = desk.view._versions
    assert panel.visible is True
    lines = [b for b in desk.page.find_all(ft.IconButton, panel) if "Download" in tooltip_text(b)]
    assert len(lines) == file.version_count
    assert "item-00002.sql" in desk.page.texts(panel)


async def test_a_file_leads_to_its_lines_in_the_log(desk: Desk) -> None:
    went: list[Place] = []
    desk.page.context.go = went.append
    await desk.menu(2, "All versions")
    await desk.press("Log lines")
    file = fleet.file_of(2, desk.page.now())
    assert [place.view for place in went] == ["logs"]
    led = led_to(went[0].show)
    assert led is not None
    assert (led[0].client_id, led[0].text) == (file.client_id, file.path)


async def test_the_open_versions_know_of_a_deletion_and_of_its_undo(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    panel = desk.view._versions
    await desk.page.fire(panel._delete, "click")
    assert panel._delete.content == "Undelete"
    assert "deleted" in desk.page.texts(panel)
    undo = desk.page.context.messages.all[0].action
    assert undo is not None
    await undo()
    desk.page.frame()
    assert panel._delete.content == "Delete"
    assert "deleted" not in desk.page.texts(panel)


async def test_ages_of_the_open_versions_grow(desk: Desk) -> None:
    slot = next(i for i in range(8) if fleet.file_of(i, desk.page.now()).state is FileState.VERIFIED)
    await desk.menu(slot, "All versions")
    panel = desk.view._versions
    desk.page.advance(1)
    before = [text.value for text, _ in panel._ages]
    desk.page.clear()
    desk.page.advance(3600)
    after = [text.value for text, _ in panel._ages]
    assert any(one != other for one, other in zip(before, after, strict=True))
    assert {str(text.value) for text, _ in panel._ages} <= set(desk.page.texts(panel))


async def test_a_new_read_of_the_page_reaches_the_open_versions(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    file = fleet.file_of(2, desk.page.now())
    page = desk.view._pages._page
    assert page is not None
    changed = msgspec.structs.replace(file, state=FileState.DELETED)
    rows = tuple(changed if row.id == file.id else row for row in page.rows)
    desk.answers[-1].on_next(desk.streams.ok(msgspec.structs.replace(page, rows=rows)))
    desk.page.frame()
    assert desk.view._versions._delete.content == "Undelete"
