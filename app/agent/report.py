"""The report at the end of a backup; a service repeats only what is new."""

import os
from collections.abc import Iterable

from app.agent.backup import Outcome
from app.agent.sources import how_to_end
from app.agent.terminal import Terminal, complain, counted, size_text
from streams.model.failures import TidewatchError, WrongToken


class Report:
    """Tells how the backups of one agent ended."""

    def __init__(self, terminal: Terminal, name: str, *, once: bool) -> None:
        self._terminal, self._name, self._once = terminal, name, once
        self._told: set[tuple[str, bytes]] = set()
        """What need not be said again: it is as it was at the last backup."""
        self._error = ""

    def tell(self, outcome: Outcome) -> None:
        """Write the lines of one backup."""
        terminal, counts = self._terminal, outcome.counts
        self._tell_new(
            "missing",
            [
                (path, f"{reason}. Nothing of it is marked as vanished. {how_to_end(path)}.")
                for path, reason in counts.missing
            ],
        )
        self._tell_new("left out", counts.own)
        self._tell_new(
            "not given any more",
            [
                (path, f"what was backed up from it stays as it was. {how_to_end(path)}.")
                for path in counts.dropped
            ],
        )
        self._tell_new("pattern", [(os.fsencode(text), "it matches nothing") for text in counts.unmatched])
        terminal.tell("skipped", counts.skipped)
        if counts.attributes.not_kept:
            told = ", ".join(
                f"{what} of {count:,}" for what, count in sorted(counts.attributes.not_kept.items())
            )
            terminal.say(f"Attributes that are not backed up: {told}.")
        terminal.tell("ignore file", counts.ignore_problems)
        terminal.tell(
            "changes while it is read", [(path, "stored as it was read") for path in counts.inconsistent]
        )
        terminal.tell("not backed up", counts.failed)
        # A service that is refused for good says so once, when it ends.
        if outcome.error is not None and (self._once or not isinstance(outcome.error, WrongToken)):
            self._complain(outcome.error)
        if outcome.error is None:
            self._error = ""
        if not outcome.begun:
            return
        left_out = "; ".join(f"{count:,} {reason}" for reason, count in sorted(counts.left_out.items()))
        if left_out:
            terminal.say(f"left out: {left_out}")
        numbers = (
            f"{counted(counts.files_seen, 'file')}, {counts.files_new:,} new,"
            f" {counts.files_changed:,} changed, {counts.files_vanished:,} vanished,"
            f" {len(counts.failed):,} failed"
        )
        sent, seen = size_text(outcome.bytes_sent), size_text(counts.bytes_seen)
        terminal.result(
            f"{self._name}: backup {outcome.state}: {numbers};"
            f" {sent} of {seen} sent in {outcome.duration_s:.1f} s"
        )

    def _tell_new(self, heading: str, names: Iterable[tuple[bytes, str]]) -> None:
        listed = list(names)
        self._terminal.tell(heading, [each for each in listed if (heading, each[0]) not in self._told])
        self._told = {each for each in self._told if each[0] != heading}
        self._told.update((heading, path) for path, _ in listed)

    def _complain(self, error: TidewatchError) -> None:
        """Say why a backup was not made, once for as long as it is the same."""
        if self._once or error.line() != self._error:
            complain(error)
        self._error = error.line()
