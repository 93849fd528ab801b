"""The editor of the SQL tab: it takes clicks wherever they fall, and keeps what was typed as it was meant."""

from collections.abc import Callable
from typing import Final

import flet as ft
import flet_code_editor as fce
from reactivex import Observable
from reactivex import operators as ops
from reactivex.abc import SchedulerBase
from reactivex.subject import Subject

from streams.records.database import Outline
from streams.records.statements import SqlProblem
from ui.theme import LINE, MONO, RADIUS
from ui.views.database_typing import Typing, distance

IDLE_S: Final = 1.5
"""How long nothing is typed before surplus signs are taken away: never under somebody's fingers, nor while
the keys of a slow browser are on their way, which the tidied text would take the place of."""
KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "ORDER", "HAVING", "LIMIT", "OFFSET", "JOIN", "LEFT",
    "INNER", "ON", "USING", "AS", "AND", "OR", "NOT", "IN", "EXISTS", "BETWEEN", "LIKE", "GLOB", "IS",
    "NULL", "CASE", "WHEN", "THEN", "ELSE", "END", "DISTINCT", "UNION", "ALL", "EXCEPT", "INTERSECT",
    "WITH", "RECURSIVE", "VALUES", "DESC", "ASC", "COLLATE", "NOCASE", "CAST", "COUNT", "SUM", "AVG",
    "MIN", "MAX", "TOTAL", "GROUP_CONCAT", "COALESCE", "IFNULL", "LENGTH", "SUBSTR", "DATE", "DATETIME",
    "STRFTIME", "JSON_EXTRACT", "OVER", "PARTITION", "PRAGMA", "EXPLAIN",
)  # fmt: skip


class SqlEditor:
    """Holds a statement; ``control`` is what stands in the tab.

    ``on_typing`` hears whether the keys belong to the editor, ``on_focus`` is asked to give them to it.
    """

    def __init__(
        self, text: str, height: float, *, on_typing: Callable[[bool], None], on_focus: Callable[[], None]
    ) -> None:
        self._typing = Typing(text)
        self._replaced: Typing | None = None
        self._selected = ""
        self._caret = len(text)
        self._changes: Subject[None] = Subject()
        self.field = fce.CodeEditor(
            language=fce.CodeLanguage.SQL,
            code_theme=fce.CodeTheme.ATOM_ONE_LIGHT,
            value=text,
            autocomplete=True,
            autocomplete_words=list(KEYWORDS),
            text_style=ft.TextStyle(font_family=MONO, size=13),
            gutter_style=fce.GutterStyle(width=64, show_folding_handles=False),
            expand=True,
            on_change=self._on_change,
            on_focus=lambda _event: on_typing(True),
            on_blur=lambda _event: on_typing(False),
            on_selection_change=self._on_selection,
        )
        self.control = ft.Container(
            ft.GestureDetector(  # the lines that nobody has written yet take no click of their own
                ft.Semantics(content=self.field, label="SQL", container=True),
                on_tap=lambda _event: on_focus(),
                exclude_from_semantics=True,
                mouse_cursor=ft.MouseCursor.TEXT,
            ),
            height=height,
            border=ft.Border.all(1, LINE),
            border_radius=RADIUS,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        )

    @property
    def text(self) -> str:
        """All that is written."""
        if (self.field.value or "") != self._typing.text:
            self._typing.reset(self.field.value or "")
        return self._typing.clean

    @property
    def statement(self) -> str:
        """What is selected, or all that is written, without the end that SQLite does not need."""
        return (self._selected or self.text).strip().rstrip(";").rstrip()

    def idle(self, scheduler: SchedulerBase) -> Observable[None]:
        """Tell when nobody has typed for a while; then it is time to ``tidy``."""
        return self._changes.pipe(ops.debounce(IDLE_S, scheduler=scheduler))

    def put(self, text: str) -> None:
        """Write a statement in place of what is there."""
        self.field.value, self.field.issues = text, []
        self._typing.reset(text)
        self._replaced, self._selected = None, ""

    def tidy(self) -> bool:
        """Take away what is one too many; return whether there was anything."""
        if not self._typing.untidy:
            return False
        self._replaced, place = self._typing, self._typing.place(self._caret)
        self._typing = Typing(self._replaced.clean)
        self._typing.at(place)
        self.field.value = self._typing.text
        self.field.selection = ft.TextSelection(base_offset=place, extent_offset=place)
        return True

    def mark(self, problem: SqlProblem | None) -> None:
        """Show where a statement is wrong, or that it is not."""
        self.field.issues = []
        if problem is not None and problem.line is not None and not self._selected:
            self.field.issues = [
                fce.Issue(line=problem.line - 1, message=problem.message, type=fce.IssueType.ERROR)
            ]

    def know(self, outline: Outline) -> bool:
        """Offer the names of tables and columns while one types; return whether they are new."""
        names: dict[str, None] = dict.fromkeys(KEYWORDS)
        for table in outline.tables:
            names[table.name] = None
            names.update(dict.fromkeys(column.name for column in table.columns))
        words = list(names)
        if words == self.field.autocomplete_words:
            return False
        self.field.autocomplete_words = words
        return True

    def show_theme(self, dark: bool) -> bool:
        """Take the colours of the page; return whether they are others."""
        theme = fce.CodeTheme.ATOM_ONE_DARK if dark else fce.CodeTheme.ATOM_ONE_LIGHT
        if self.field.code_theme == theme:
            return False
        self.field.code_theme = theme
        return True

    def _on_change(self) -> None:
        value, before = self.field.value or "", self._replaced
        self._replaced = None
        if before is not None and distance(before.text, value) < distance(self._typing.text, value):
            self._typing = before  # typed before the tidied text got there, which has since taken its place
        self._typing.take(value)
        self._changes.on_next(None)

    def _on_selection(self, event: ft.TextSelectionChangeEvent[fce.CodeEditor]) -> None:
        text = (event.selected_text or "").strip()
        self._selected = text if any(char.isspace() for char in text) else ""
        self._caret = event.selection.extent_offset
