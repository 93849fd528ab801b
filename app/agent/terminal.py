"""Output for a person at the terminal: a progress bar, plain lines, one line at the end."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from app.agent.names import shown
from streams.model.failures import TidewatchError
from streams.model.safe_text import terminal_text

NAMES_TOLD = 20
BAR_WIDTH = 16
REST_WIDTH = 76
"""What counts, bar and sizes take of a line; the rest is for the end of a name."""


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    value, unit = float(size), ""
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.1f} {unit}" if unit else counted(size, "byte")


def counted(count: int, noun: str) -> str:
    """Return a count of things for people."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def complain(error: TidewatchError) -> None:
    """Print the one line of a failure."""
    sys.stderr.write(f"tidewatch: {terminal_text(error.line())}\n")
    sys.stderr.flush()


def warn(line: str) -> None:
    """Print a line that the work goes on after."""
    sys.stderr.write(f"tidewatch: {line}\n")
    sys.stderr.flush()


class _Sizes(ProgressColumn):
    """How much is done, of how much, and how fast."""

    def render(self, task: Task) -> Text:
        done = size_text(int(task.completed))
        of = f" of {size_text(int(task.total))}" if task.total is not None else ""
        speed = task.finished_speed or task.speed
        return Text(f"{done}{of}{f', {size_text(int(speed))}/s' if speed else ''}")


class Terminal:
    """Writes notes to stderr and results to stdout, with a bar between where stderr is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(
            stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Write one note."""
        text = terminal_text(text)
        if self._bar is not None:
            self._bar.console.print(f"tidewatch: {text}")
        else:
            sys.stderr.write(f"tidewatch: {text}\n")
            sys.stderr.flush()

    def show(
        self, files: int, files_total: int | None, done: int, total: int | None, current: str = ""
    ) -> None:
        """Move the bar; nothing where there is none."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}", table_column=Column(no_wrap=True)),
                BarColumn(BAR_WIDTH),
                _Sizes(table_column=Column(no_wrap=True)),
                TextColumn(
                    "{task.fields[current]}",
                    markup=False,
                    table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
                ),
                console=self._console,
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, current="")
        assert self._task is not None
        of = (
            f"{files:,} of {files_total:,} files"
            if files_total is not None
            else f"{counted(files, 'file')} …"
        )
        current = terminal_text(current)
        room = max(0, self._console.width - REST_WIDTH)
        tail = current if len(current) <= room else f"…{current[len(current) - room + 1 :]}"
        self._bar.update(self._task, completed=done, total=total, description=of, current=tail)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def tell(self, heading: str, names: Iterable[tuple[bytes, str]]) -> None:
        """Write names with their reasons, not more than a screen of them."""
        listed = list(names)
        for path, reason in listed[:NAMES_TOLD]:
            self.say(f"{heading}: {shown(path)}: {reason}")
        if len(listed) > NAMES_TOLD:
            self.say(f"{heading}: {len(listed) - NAMES_TOLD:,} more")

    @staticmethod
    def result(text: str) -> None:
        """Write the last line, on stdout."""
        sys.stdout.write(f"{terminal_text(text)}\n")
        sys.stdout.flush()
