"""The native window: whether there can be one here, and running it."""

import asyncio
import os
import signal
import socket
import tarfile
import zipfile
from pathlib import Path

import flet as ft
import flet_desktop
import structlog
from flet.utils import is_linux_server, is_macos, is_windows

from app.console.composition import ASSETS
from app.console.flet_patch_batching import gather_patches
from app.console.flet_session import mend_session
from app.console.front import Pages

log = structlog.stdlib.get_logger(__name__)

APP_ID = "tidewatch"
"""By which a desktop groups windows of one program and finds its icon."""
DOWNLOAD_S = 20.0
"""How long a stalled download of the client program may take; it has no limit of its own."""


async def why_no_window() -> str:
    """Return why no native window can be had here, "" if one can; may download the client program."""
    if is_linux_server():
        return "there is no display"
    if _client_present():
        return ""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_S)
    try:
        await asyncio.to_thread(flet_desktop.ensure_client_cached)
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        log.info("client_program_missing", reason=str(error))
        return "the desktop client could not be downloaded"
    finally:
        socket.setdefaulttimeout(before)
    return ""


def _client_present() -> bool:
    program = "flet.exe" if is_windows() else "Flet.app" if is_macos() else "flet"
    named = os.environ.get("FLET_VIEW_PATH")
    if named and (Path(named) / program).exists():
        return True
    cache: Path = getattr(flet_desktop, "__get_client_storage_dir")()
    bundled = Path(flet_desktop.get_package_bin_dir()) / flet_desktop.get_artifact_filename()
    return cache.exists() or bundled.exists()


async def run_window(pages: Pages) -> bool:
    """Show the console in a window until it is closed; return False if no window ever came up."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    shown = False
    mend_session()
    gather_patches()
    os.environ.setdefault("FLET_APP_ID", APP_ID)

    def main(page: ft.Page) -> None:
        nonlocal shown
        shown = True
        for number in (signal.SIGINT, signal.SIGTERM):  # Flet has put its own in the place of ours
            loop.add_signal_handler(number, task.cancel)
        pages.open_page(page)

    try:
        await ft.run_async(main, before_main=pages.dress_page, assets_dir=str(ASSETS))
    except OSError as error:
        log.warning("window_failed", reason=str(error))
    return shown
