"""Notifications of the desktop: shown by the system's program, and never in the way where there is none."""

import os
from pathlib import Path

import pytest

from app.console.notifications import notifier
from app.runtime.tasks import Tasks
from tests.servers import until


async def test_text_and_reason_go_to_the_program_as_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "shown"
    program = tmp_path / "notify-test"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {shown}.new && mv {shown}.new {shown}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tasks = Tasks()
    notifier(tasks, "notify-test")("--help: backups fail", "disk \x1b[31mfull")
    await until(shown.exists)
    await tasks.close()
    assert shown.read_text().startswith("--app-name=Tidewatch|--|--help: backups fail|disk ")
    assert "\x1b" not in shown.read_text()


async def test_without_the_program_nothing_is_started() -> None:
    tasks = Tasks()
    notifier(tasks, "no-such-program-here")("backups fail", "")
    assert len(tasks) == 0
    await tasks.close()
