"""Actions with files: offered, asked of the server, and told."""

import asyncio
import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import flet as ft
import msgspec
import pytest

from streams.model.failures import CommandFailed
from streams.model.files import VerifyResult
from streams.model.vocabulary import FileState
from tests.ui import fleet
from tests.ui.files_desk import Desk, open_desk
from ui.components.icon_button import tooltip_text


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_delete_tells_and_can_be_undone(desk: Desk) -> None:
    await desk.menu(0, "Delete")
    key = desk.ids()[0]
    assert desk.commands.calls == [("delete_files", (key,))]
    message = desk.page.context.messages.all[0]
    assert (message.text, message.action_label) == ("item-00000.log deleted", "Undo")
    assert message.action is not None
    await message.action()
    assert desk.commands.calls[-1] == ("undelete_files", (key,))
    assert desk.messages[0] == "item-00000.log brought back"


async def test_what_was_deleted_is_selected_no_longer_and_undo_still_knows_it(desk: Desk) -> None:
    for slot in (0, 1):
        await desk.page.fire(desk.view._table._body.rows[slot].check, "change", value=True)
    ids = tuple(desk.ids()[:2])
    await desk.press("Delete")
    assert "2 selected" not in desk.page.texts()
    assert desk.view._selected() == []
    undo = desk.page.context.messages.all[0].action
    assert undo is not None
    await undo()
    assert desk.commands.calls[-1] == ("undelete_files", ids)


async def test_the_filters_stay_while_rows_are_selected_and_only_what_fits_is_offered(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._body.rows[0].check, "change", value=True)
    texts = desk.page.texts()
    assert {"Client", "Type", "Status", "1 selected", "Delete"} <= set(texts)
    assert "Undelete" not in texts


async def test_bringing_back_what_is_not_deleted_asks_nothing_and_says_so(desk: Desk) -> None:
    files = [fleet.file_of(1, desk.page.now())]
    stored = [msgspec.structs.replace(file, state=FileState.STORED) for file in files]
    desk.view._actions.undelete(stored)
    desk.view._actions.delete([msgspec.structs.replace(file, state=FileState.DELETED) for file in files])
    await desk.page.settle()
    assert desk.commands.calls == []
    assert desk.messages == ["What is selected is deleted already", "Nothing of what is selected is deleted"]


async def test_verify_tells_what_is_damaged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verify(ids: Any) -> VerifyResult:
        return VerifyResult(checked=1, damaged=("/var/log/item-00000.log",))

    monkeypatch.setattr(desk.commands, "verify_files", verify)
    await desk.menu(0, "Verify")
    message = desk.page.context.messages.all[0]
    assert "1 damaged" in message.text
    assert message.stays is True


async def test_a_refused_download_says_why(desk: Desk) -> None:
    desk.commands.refuse = CommandFailed("The stored bytes are damaged.", hint="Back the client up again.")
    await desk.menu(0, "Download")
    await desk.until(lambda: bool(desk.messages))
    assert desk.messages[0] == "Download item-00000.log: The stored bytes are damaged."


async def test_a_file_goes_to_where_the_user_is(desk: Desk) -> None:
    await desk.menu(1, "Download")
    await desk.until(lambda: any("saved to" in text for text in desk.messages))
    file = fleet.file_of(1, desk.page.now())
    assert desk.commands.calls == [("read_version", file.version_id)]
    assert desk.messages == ["item-00001.pdf saved to the browser's downloads"]
    assert desk.page.browser.files == [("item-00001.pdf", f"content of {file.version_id}".encode())]


async def test_several_files_come_as_one_archive_with_their_folders(desk: Desk) -> None:
    files = [fleet.file_of(number, desk.page.now()) for number in range(5)]
    desk.view._actions.download(files)
    await desk.until(lambda: any("saved to" in text for text in desk.messages))
    assert desk.messages == ["5 files saved to the browser's downloads"]
    ((name, data),) = desk.page.browser.files
    assert name.startswith("tidewatch-") and name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        read = {info.filename: archive.read(info).decode() for info in archive.infolist()}
    assert read == {f"{file.client_name}{file.path}": f"content of {file.version_id}" for file in files}


async def test_a_download_can_be_stopped_and_leaves_nothing(desk: Desk) -> None:
    asked = asyncio.Event()

    async def never(_version_id: int) -> AsyncGenerator[bytes]:
        yield b"beginning"
        asked.set()
        await asyncio.Event().wait()

    desk.commands.read_version = never  # type: ignore[method-assign]
    await desk.menu(1, "Download")
    await asked.wait()
    (message,) = desk.page.context.messages.all
    assert message.action_label == "Stop" and message.ongoing
    await desk.page.context.messages.do(message.number)
    await desk.until(lambda: any("stopped" in text for text in desk.messages))
    assert desk.page.browser.files == []


async def test_no_order_is_offered_while_there_is_no_connection(desk: Desk) -> None:
    desk.view._on_selection(frozenset(desk.ids()[:2]))
    desk.view._on_open(desk.ids()[0])
    desk.page.frame()
    fetches = [
        button
        for button in desk.page.find_all(ft.IconButton, desk.view._versions)
        if tooltip_text(button).startswith("Download the version of ")
    ]
    assert fetches
    buttons = [*desk.view._bar._buttons.values(), *desk.view._versions.orders, *fetches]
    assert not any(button.disabled for button in buttons)
    desk.streams.lose()
    desk.page.frame()
    assert all(button.disabled for button in buttons)
    assert all(tooltip_text(button) == "There is no connection to the server" for button in buttons)
    desk.streams.fill()
    desk.page.frame()
    assert not any(button.disabled for button in buttons)
