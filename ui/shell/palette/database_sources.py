"""Palette entries of the database: its tables, and the saved statements."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import flet as ft
from reactivex import Observable
from reactivex import operators as ops

from streams.model.database import Outline, TableInfo, TableKind
from streams.model.snapshot import Snapshot
from ui.base.context import Place, UiContext
from ui.base.format import count_text
from ui.base.palette import MAX_OF_A_GROUP, PaletteEntry, Search, score

SAVED: Final = "database.saved"
"""Under which preference the database view keeps its saved statements."""
_LONGEST: Final = 70


def offer_database(context: UiContext, outline: Observable[Snapshot[Outline]]) -> None:
    """Offer tables and saved statements to the palette, also before the view was ever shown."""
    context.palette.offer_search("tables", _table_search(context, outline))
    context.palette.offer("queries", lambda: _saved(context))


def _table_search(context: UiContext, outline: Observable[Snapshot[Outline]]) -> Search:
    def entry(table: TableInfo) -> PaletteEntry:
        rows = f"{count_text(table.rows)}{'+' if table.capped else ''} rows" if table.rows is not None else ""
        return PaletteEntry(
            "Tables",
            table.name,
            ft.Icons.TABLE_CHART_OUTLINED,
            lambda: context.go(Place("database", f"table:{table.name}")),
            detail=rows,
            words="table",
        )

    def search(text: str) -> Observable[Sequence[PaletteEntry]]:
        asked = text.casefold()

        def fitting(snapshot: Snapshot[Outline]) -> Sequence[PaletteEntry]:
            tables = snapshot.value.tables if snapshot.value is not None else ()
            entries = [entry(table) for table in tables if table.kind is not TableKind.SHADOW]
            fit = [found for found in entries if score(asked, found)]
            return sorted(fit, key=lambda found: -score(asked, found))[:MAX_OF_A_GROUP]

        return outline.pipe(ops.filter(lambda snapshot: snapshot.value is not None), ops.map(fitting))

    return search


def _saved(context: UiContext) -> Iterator[PaletteEntry]:
    kept = context.prefs.get(SAVED)
    for sql in cast(list[Any], kept) if isinstance(kept, list) else ():
        if isinstance(sql, str) and sql.strip():
            yield _query(context, sql)


def _query(context: UiContext, sql: str) -> PaletteEntry:
    line = " ".join(sql.split())
    return PaletteEntry(
        "Saved queries",
        line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…",
        ft.Icons.BOOKMARK_BORDER,
        lambda: context.go(Place("database", f"query:{sql}")),
        words=f"sql query {line}",
        at_rest=False,
    )
