"""A backup's numbers at its end, and the first names that could not be backed up."""

from app.agent.counts import Counts
from app.wire.http import FailedName
from app.wire.limits import MAX_RUN_NAMES
from streams.model.vocabulary import RunState


def test_the_end_names_what_is_missing_and_what_could_not_be_read() -> None:
    counts = Counts()
    counts.missing.append((b"/mnt/disk", "it is not mounted"))
    counts.fail(b"/etc/shadow", "Permission denied")
    told = counts.finish(RunState.PARTIAL, counts.reason(), 0)
    assert told.failed == (
        FailedName(path="/mnt/disk", reason="it is not mounted"),
        FailedName(path="/etc/shadow", reason="Permission denied"),
    )
    assert told.files_failed == 2


def test_of_very_many_the_first_are_named() -> None:
    counts = Counts()
    for number in range(MAX_RUN_NAMES + 1):
        counts.fail(b"/%d" % number, "locked")
    told = counts.finish(RunState.PARTIAL, counts.reason(), 0)
    assert (len(told.failed), told.files_failed) == (MAX_RUN_NAMES, MAX_RUN_NAMES + 1)
