"""Lines of a restore at the terminal: how far it is, and its result."""

import argparse
import time

from app.agent.names import shown
from app.agent.restore_plan import Item, RestorePlan
from app.agent.restored import Restored
from app.agent.terminal import Terminal, counted, size_text
from streams.model.vocabulary import EntryKind

SHOWN_EVERY_S = 0.1


class RestoreProgress:
    """Shows how far a restore is, not more often than it can be read."""

    def __init__(self, terminal: Terminal, plan: RestorePlan) -> None:
        files = plan.of_kind(EntryKind.FILE)
        self._terminal, self._files, self._bytes = terminal, len(files), sum(item.size for item in files)
        self._shown = 0.0

    def show(self, done: Restored, item: Item) -> None:
        """Show the state after ``item``."""
        if time.monotonic() - self._shown < SHOWN_EVERY_S:
            return
        self._shown = time.monotonic()
        name = item.parts[-1].decode("utf-8", "replace") if item.parts else ""
        self._terminal.show(done.files, self._files, done.size_bytes, self._bytes, name)


def report(
    terminal: Terminal, args: argparse.Namespace, plan: RestorePlan, done: Restored, duration_s: float
) -> None:
    """Say what was not restored as it was, and in one last line what was."""
    terminal.tell("refused", plan.refused)
    terminal.tell("not restored", done.failed)
    terminal.tell("renamed", done.renamed)
    if done.unset:
        told = ", ".join(f"{what} of {count:,}" for what, count in sorted(done.unset.items()))
        terminal.say(f"Not set, as this disk or this user cannot: {told}.")
    if done.stripped_bits:
        terminal.say(
            f"Set-user-id and set-group-id bits were left out of {counted(done.stripped_bits, 'file')}."
        )
    files = f"{counted(done.files, 'file')} ({size_text(done.size_bytes)})"
    if done.specials:
        files += f", {counted(done.specials, 'special file')}"
    terminal.result(
        f"{args.name}: restored {files}, {counted(done.folders, 'folder')} and {counted(done.links, 'link')}"
        f"{f', {done.present:,} were there already,' if done.present else ''}"
        f" from {shown(plan.origin)} into {args.to} in {duration_s:.1f} s;"
        f" {len(plan.refused):,} refused, {len(done.failed):,} failed"
    )
