"""Files: their sums, a page of them, and the versions of one."""

from reactivex import Observable

from streams.model.events import Event
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion
from streams.model.vocabulary import Topic
from streams.operators.results import Failed, Ok
from streams.sources.reading import Fetch, Reading


def files_summary(fetch: Fetch[FilesSummary], reading: Reading) -> Observable[Ok[FilesSummary] | Failed]:
    """Sums over all files.

    Source:  GET /api/files/summary every ``background_s``, and soon after files have changed.
    Emits:   counts and sizes, at once and after each read.
    Shape:   one record; sizes in bytes.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.FILES)


def file_page(
    query: FileQuery, fetch: Fetch[FilePage], reading: Reading
) -> Observable[Ok[FilePage] | Failed]:
    """One page of files.

    Source:  GET /api/files every ``background_s``, and soon after files that it may show have changed.
    Emits:   the page, at once and after each read.
    Shape:   up to ``query.limit`` files, in the order of the query; sizes in bytes, times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def concerns(event: Event) -> bool:
        return query.client_id is None or event.files is None or event.files.client_id == query.client_id

    return reading.queried(fetch, Topic.FILES, concerns)


def file_versions(
    fetch: Fetch[tuple[FileVersion, ...]], reading: Reading
) -> Observable[Ok[tuple[FileVersion, ...]] | Failed]:
    """All versions of one file.

    Source:  GET /api/files/{id}/versions every ``background_s``, and soon after files have changed.
    Emits:   the versions, newest first, at once and after each read.
    Shape:   one or more; sizes in bytes, times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.FILES)
