"""Output at a terminal while a backup or a restore runs."""

import io
import re

import pytest
from rich.console import Console

from app.agent.terminal import Terminal, complain
from streams.model.failures import TidewatchError

MIB = 1024 * 1024


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_bar_is_one_line_with_sizes_in_one_unit(width: int) -> None:
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, force_terminal=True, width=width, color_system=None))
    terminal.show(0, None, 0, None)
    terminal.show(24_212, 24_572, 619 * MIB, 620 * MIB, "/home/me/documents/letters/2026/march/draft.odt")
    terminal.end()
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", screen.getvalue())
    assert drawn.count("\n") == 1, drawn  # at its end
    last = drawn.split("\n")[0].split("\r")[-1]
    assert "24,212 of 24,572 files" in last and "619.0 MiB of 620.0 MiB" in last
    assert len(last) <= width
    if width > 80:
        assert last.rstrip().endswith("march/draft.odt")
    assert "MB" not in drawn and "?" not in drawn


NASTY = b"/\x1b]0;PWNED\x07\x1b[2J\xe2\x80\xae\nline"


def test_nothing_from_outside_acts_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, force_terminal=True, width=200, color_system=None))
    text = NASTY.decode()
    terminal.show(1, 2, 3, 4, text)
    terminal.say(text)
    terminal.end()
    terminal.say(text)
    terminal.tell("refused", [(NASTY, text)])
    terminal.result(text)
    complain(TidewatchError(text, hint=text))
    out, err = capsys.readouterr()
    for shown in (screen.getvalue(), out, err):
        assert "PWNED" in shown
        for part in ("\x1b]0;", "\x07", "\x1b[2J\u202e", "\u202e", "\nline"):
            assert part not in shown
