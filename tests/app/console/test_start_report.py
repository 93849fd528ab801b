"""The steps of a start are told as they begin, and again while one takes long."""

import asyncio

import pytest

from app.console.start_report import AGAIN_S, StartReport, write_line
from streams.testing.virtual_loop import run_virtual


def test_a_step_is_told_at_once_and_again_while_it_goes_on() -> None:
    lines: list[str] = []

    async def start() -> list[str]:
        async with StartReport(lines.append).step("starting the server"):
            before = list(lines)
            await asyncio.sleep(2.5 * AGAIN_S)
        await asyncio.sleep(10 * AGAIN_S)
        return before

    assert run_virtual(start()) == ["starting the server…"]
    assert lines[0] == "starting the server…"
    assert len(lines) == 3
    assert all(line.startswith("still starting the server (") for line in lines[1:])


def test_a_step_that_fails_is_told_no_more() -> None:
    lines: list[str] = []

    async def start() -> None:
        with pytest.raises(OSError, match="no"):
            async with StartReport(lines.append).step("connecting"):
                raise OSError("no")
        await asyncio.sleep(10 * AGAIN_S)

    run_virtual(start())
    assert lines == ["connecting…"]


def test_a_line_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("starting")
    assert capsys.readouterr().err == "tidewatch: starting\n"
