"""Asking for files page by page: where one stands, where one can turn, and which answer is whose."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from streams.model.files import FilePage, FileQuery
from streams.model.snapshot import Snapshot
from ui.components.data_table.pager import Turn
from ui.views.files.present import present_place

Asked = tuple[FileQuery, FilePage]
"""A page with the query it answers, so that an answer is never taken for that of another query."""


class FilePages:
    """The pages of whatever was asked last; the former stays while another is on its way or cannot be had."""

    def __init__(
        self, file_page: Callable[[FileQuery], Observable[Snapshot[FilePage]]], first: FileQuery
    ) -> None:
        self._file_page = file_page
        self.query = first
        self._fresh_for: FileQuery | None = None
        self._queries: BehaviorSubject[FileQuery | None] = BehaviorSubject(first)
        self._page: FilePage | None = None
        self._number: int | None = 0
        self._next_number: int | None = 0
        self._asked: tuple[FileQuery, Observable[Snapshot[FilePage]]] | None = None
        """Kept, so that somebody who looks away and comes back finds what was known."""
        self._known: Snapshot[Asked] | None = None
        self.stream: Observable[Snapshot[Asked]] = self._queries.pipe(
            ops.map(self._answers),
            ops.switch_latest(),
            ops.filter(lambda snapshot: snapshot.value is not None or snapshot.failure is not None),
        )

    def _answers(self, query: FileQuery | None) -> Observable[Snapshot[Asked]]:
        if query is None:
            return rx.never()
        if self._asked is None or self._asked[0] != query:
            self._asked = query, self._file_page(query)

        def tag(snapshot: Snapshot[FilePage]) -> Snapshot[Asked]:
            value, at, failure = snapshot.value, snapshot.at, snapshot.failure
            known = self._known
            if value is not None:
                self._known = Snapshot((query, value), snapshot.health, at, snapshot.cadence_s, failure)
                return self._known
            if failure is not None and known is not None and _of_same_files(known, query):
                return replace(known, health=snapshot.health, failure=failure)
            return Snapshot(None, snapshot.health, at, snapshot.cadence_s, failure)

        return self._asked[1].pipe(ops.map(tag))

    def ask(self, query: FileQuery, *, first: bool = False) -> None:
        """Ask for another page; ``first`` says that it is the first one of other files or another order."""
        if first:
            self._next_number = 0
        self.query = self._fresh_for = query
        self._queries.on_next(query)

    def stop(self) -> None:
        """Give up the question that stands: what is shown stays that of the former one."""
        self._queries.on_next(None)

    def ask_again(self) -> None:
        """Ask the question that stands once more."""
        self.ask(self.query)

    def turn(self, turn: Turn) -> bool:
        """Turn the page, unless the one that is shown answers a former question; return whether it asks."""
        page, number = self._page, self._number
        if page is None or self._known is None or not _of_same_files(self._known, self.query):
            return False
        if turn is Turn.FIRST:
            number, cursor = 0, None
        elif turn is Turn.LAST:
            number, cursor = None, page.last_cursor
        elif turn is Turn.NEXT:
            number = None if number is None else number + 1
            cursor = page.next_cursor
        else:
            number = None if number is None else max(0, number - 1)
            cursor = page.previous_cursor
        self._next_number = number
        self.ask(msgspec.structs.replace(self.query, cursor=cursor))
        return True

    def take(self, asked: Asked) -> bool | None:
        """Take an answer; return whether the user waits for it, None for one of a former question."""
        query, page = asked
        if query is not self.query:
            return None
        fresh, self._fresh_for = self._fresh_for is query, None
        self._page, self._number = page, self._next_number
        if query.cursor is None or page.previous_cursor is None:
            self._number = self._next_number = 0
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


def _of_same_files(known: Snapshot[Asked], query: FileQuery) -> bool:
    """Whether a page is one of the files that are asked for, in the order that is asked for."""
    if known.value is None:
        return False
    return msgspec.structs.replace(known.value[0], cursor=query.cursor) == query
