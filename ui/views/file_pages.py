"""Asking for files page by page: where one stands, where one can turn, and which answer is whose."""

from collections.abc import Callable

from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from streams.records.files import FilePage, FileQuery
from streams.snapshot import Snapshot
from ui.components.pager import Turn
from ui.views.files_present import present_place

Asked = tuple[FileQuery, FilePage]
"""A page with the query it answers, so that an answer is never taken for that of another query."""


class FilePages:
    """The pages of whatever was asked last; while a new one is on its way the former stays."""

    def __init__(
        self, file_page: Callable[[FileQuery], Observable[Snapshot[FilePage]]], first: FileQuery
    ) -> None:
        self._file_page = file_page
        self.query = first
        self._fresh_for: FileQuery | None = None
        self._queries: BehaviorSubject[FileQuery] = BehaviorSubject(first)
        self._page: FilePage | None = None
        self._number: int | None = 0
        self.stream: Observable[Snapshot[Asked]] = self._queries.pipe(
            ops.map(self._answers),
            ops.switch_latest(),
            ops.filter(lambda snapshot: snapshot.value is not None or snapshot.failure is not None),
        )

    def _answers(self, query: FileQuery) -> Observable[Snapshot[Asked]]:
        def tag(snapshot: Snapshot[FilePage]) -> Snapshot[Asked]:
            value = None if snapshot.value is None else (query, snapshot.value)
            return Snapshot(value, snapshot.health, snapshot.at, snapshot.cadence_s, snapshot.failure)

        return self._file_page(query).pipe(ops.map(tag))

    def ask(self, query: FileQuery, *, first: bool = False) -> None:
        """Ask for another page; ``first`` says that it is the first one of other files or another order."""
        if first:
            self._number = 0
        self.query = self._fresh_for = query
        self._queries.on_next(query)

    def turn(self, turn: Turn) -> str | None:
        """Turn the page; return the cursor to ask for, None for that of the first page."""
        page, number = self._page, self._number
        if page is None:
            return None
        if turn is Turn.FIRST:
            self._number, cursor = 0, None
        elif turn is Turn.LAST:
            self._number, cursor = None, page.last_cursor
        elif turn is Turn.NEXT:
            self._number = None if number is None else number + 1
            cursor = page.next_cursor
        else:
            self._number = None if number is None else max(0, number - 1)
            cursor = page.previous_cursor
        return cursor

    def take(self, asked: Asked) -> bool | None:
        """Take an answer; return whether the user waits for it, None for one of a former question."""
        query, page = asked
        if query is not self.query:
            return None
        fresh, self._fresh_for = self._fresh_for is query, None
        self._page = page
        if query.cursor is None or page.previous_cursor is None:
            self._number = 0
        return fresh

    @property
    def place(self) -> str:
        """Where the page stands, in words."""
        return "" if self._page is None else present_place(self._page, self._number)

    @property
    def ways(self) -> set[Turn]:
        """Where one can turn from here."""
        page = self._page
        if page is None:
            return set()
        before, after = page.previous_cursor is not None, page.next_cursor is not None
        last = after and page.last_cursor is not None
        open_ways = {Turn.FIRST: before, Turn.PREVIOUS: before, Turn.NEXT: after, Turn.LAST: last}
        return {turn for turn, is_open in open_ways.items() if is_open}
