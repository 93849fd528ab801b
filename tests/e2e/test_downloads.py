"""Downloads through the browser, or into the downloads folder, byte for byte."""

import asyncio
import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen
from tests.e2e.processes import run_console
from tests.e2e.world import run_world

pytestmark = pytest.mark.timeout(240)

CLIENT = "workbench"
LARGE_BYTES = 33 * 1024**2


async def test_a_file_is_downloaded_deleted_brought_back_verified_and_held_with_its_client(
    browser: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    small, large = folder / "Überweisung 1.txt", folder / "large.bin"
    small.write_bytes(b"what was backed up\n" * 2000)
    large.write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))
    async with run_world(tmp_path) as world:
        await world.back_up(CLIENT, folder)
        words = ("--config", str(world.configuration()))
        async with (
            run_console(*words) as (_, url),
            open_screen(browser, url) as screen,
        ):
            await screen.go("Files")
            await screen.see("1–2 of 2", within_s=30)
            async with screen.page.expect_download(timeout=30_000) as coming:
                await screen.choose(str(small), "Download")
            download = await coming.value
            assert download.suggested_filename == small.name
            saved = Path(await download.path())
            assert await asyncio.to_thread(saved.read_bytes) == small.read_bytes()
            await screen.see(re.compile("saved to the browser's downloads"))

            async with screen.page.expect_download(timeout=30_000) as coming:
                await screen.choose(str(large), "Download")
            saved = Path(await (await coming.value).path())
            assert await asyncio.to_thread(saved.read_bytes) == large.read_bytes()
            await screen.see(re.compile(r"large\.bin saved to the browser's downloads"))

            await screen.tap(screen.page.get_by_role("checkbox", name="Select all rows"))
            async with screen.page.expect_download(timeout=30_000) as coming:
                await screen.tap(screen.button("Download", exact=True))
            download = await coming.value
            assert re.fullmatch(rf"tidewatch-{CLIENT}-2-files-[\d-]+\.zip", download.suggested_filename)
            with zipfile.ZipFile(await download.path()) as archive:
                read = {info.filename: archive.read(info) for info in archive.infolist()}
            assert read == {f"{CLIENT}{path}": path.read_bytes() for path in (small, large)}
            await screen.see(re.compile(r"2 files saved to the browser's downloads"))
            await screen.page.keyboard.press("Escape")

            await screen.choose(str(small), "Delete")
            await screen.see(f"{small.name} deleted")
            await screen.tap(screen.button("Undo"))
            await screen.see(f"{small.name} brought back")
            await screen.choose(str(small), "Verify")
            await screen.see(re.compile("1 version checked, as it should be"))

            await screen.go("Clients")
            await screen.choose(CLIENT, "Remove for good…")
            await screen.see(f"Remove {CLIENT} for good?")
            await screen.see("2 files with all versions")
            await screen.fill(f"Type {CLIENT} to go on", CLIENT)
            await screen.page.keyboard.press("Enter")
            await screen.see(re.compile(f"{CLIENT} is removed at "))
            await screen.tap(screen.button("Undo"))
            await screen.see(f"{CLIENT} is kept and allowed again")
