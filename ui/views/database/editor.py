"""The editor of the SQL tab: it takes clicks wherever they fall, and keeps what was typed as it was meant."""

from collections.abc import Callable
from typing import Final

import flet as ft
import flet_code_editor as fce

from streams.model.database import Outline
from streams.model.statements import SqlProblem
from ui.base.theme import INK, MONO, QUIET_INK, Tone
from ui.components.frame import edge_to_edge
from ui.views.database.autoclose import Typing
from ui.views.database.complete import CompletionLine, Offer, offer

KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "ORDER", "HAVING", "LIMIT", "OFFSET", "JOIN", "LEFT",
    "INNER", "ON", "USING", "AS", "AND", "OR", "NOT", "IN", "EXISTS", "BETWEEN", "LIKE", "GLOB", "IS",
    "NULL", "CASE", "WHEN", "THEN", "ELSE", "END", "DISTINCT", "UNION", "ALL", "EXCEPT", "INTERSECT",
    "WITH", "RECURSIVE", "VALUES", "DESC", "ASC", "COLLATE", "NOCASE", "CAST", "COUNT", "SUM", "AVG",
    "MIN", "MAX", "TOTAL", "GROUP_CONCAT", "COALESCE", "IFNULL", "LENGTH", "SUBSTR", "DATE", "DATETIME",
    "STRFTIME", "JSON_EXTRACT", "OVER", "PARTITION", "PRAGMA", "EXPLAIN",
)  # fmt: skip
COLORS: Final = fce.CustomCodeTheme(
    root=ft.TextStyle(color=INK, bgcolor=ft.Colors.TRANSPARENT),
    keyword=ft.TextStyle(color=ft.Colors.PRIMARY),
    built_in=ft.TextStyle(color=ft.Colors.PRIMARY),
    literal=ft.TextStyle(color=Tone.BUSY.color),
    number=ft.TextStyle(color=Tone.BUSY.color),
    string=ft.TextStyle(color=Tone.OK.color),
    comment=ft.TextStyle(color=QUIET_INK, italic=True),
)
"""Roles of the scheme, so that a change of the theme changes them too."""


class SqlEditor:
    """Holds a statement; ``control`` is what stands in the tab.

    ``on_typing`` hears whether the keys belong to the editor, ``on_focus`` is asked to give them to it,
    ``touch`` gets what is to be updated. While the editor has the keyboard nothing is written into it but
    what was asked for: what is typed meanwhile would be lost, and its caret moved. So the closing signs that
    it added and that are one too many stay on the screen until the editor is left or its text is run; they
    are never run, and the editor of the toolkit has nothing that would keep it from adding them.
    """

    def __init__(
        self,
        text: str,
        height: float,
        *,
        on_typing: Callable[[bool], None],
        on_focus: Callable[[], None],
        touch: Callable[..., None],
    ) -> None:
        self._typing = Typing(text)
        self._on_typing, self._touch = on_typing, touch
        self._selected = ""
        self._caret = len(text)
        self._place: int | None = None  # where the caret goes once the client has the text
        self._names: list[str] = []
        self._offer: Offer | None = None
        self._taken = -1
        self._line = CompletionLine()
        self.field = fce.CodeEditor(
            language=fce.CodeLanguage.SQL,
            code_theme=COLORS,
            value=text,
            text_style=ft.TextStyle(font_family=MONO, size=13),
            gutter_style=fce.GutterStyle(
                width=64, show_folding_handles=False, text_style=ft.TextStyle(color=QUIET_INK, size=12)
            ),
            expand=True,
            on_change=self._on_change,
            on_focus=lambda _event: self._on_typing(True),
            on_blur=lambda _event: self._on_blur(),
            on_selection_change=self._on_selection,
        )
        self.control = edge_to_edge(
            ft.Stack(
                [
                    ft.GestureDetector(  # the lines that nobody has written yet take no click of their own
                        ft.Semantics(content=self.field, label="SQL", container=True),
                        on_tap=lambda _event: on_focus(),
                        exclude_from_semantics=True,
                        mouse_cursor=ft.MouseCursor.TEXT,
                    ),
                    self._line.control,
                ],
                fit=ft.StackFit.EXPAND,
            ),
            height=height,
        )

    @property
    def text(self) -> str:
        """All that is written."""
        written = self.field.value or ""
        return self._typing.clean if written == self._typing.text else written

    @property
    def statement(self) -> str:
        """What is selected, or all that is written, without the end that SQLite does not need."""
        return (self._selected or self.text).strip().rstrip(";").rstrip()

    def put(self, text: str) -> None:
        """Write a statement in place of what is there."""
        self.field.value, self.field.issues = text, []
        self._typing.reset(text)
        self._selected, self._place = "", None
        self._touch(self.field, *self._show_offer(None))

    def tidy(self) -> None:
        """Take away what is one too many, as somebody has stopped typing to run it; the caret stays."""
        if self._typing.untidy and not self._selected and self.field.value == self._typing.text:
            self._place = self._caret = self._typing.tidy(self._caret)
            self.field.value = self._typing.text
            self._touch(self.field)

    def mark(self, problem: SqlProblem | None) -> None:
        """Show where a statement is wrong, or that it is not."""
        self.field.issues = []
        if problem is not None and problem.line is not None and not self._selected:
            self.field.issues = [
                fce.Issue(line=problem.line - 1, message=problem.message, type=fce.IssueType.ERROR)
            ]
        self._touch(self.field, *self._show_offer(None))

    def know(self, outline: Outline) -> None:
        """Offer the names of tables and columns while one types."""
        names: dict[str, None] = {}
        for table in outline.tables:
            names[table.name] = None
            names.update(dict.fromkeys(column.name for column in table.columns))
        self._names = list(names)

    def complete(self) -> None:
        """Complete the word before the caret; asked again, with the next of the words that may."""
        if self._offer is None:
            return
        start, end, words = self._offer.start, self._offer.end, self._offer.words
        number, text = (self._taken + 1) % len(words), self.field.value or ""
        self.field.value = text[:start] + words[number] + text[end:]
        self._typing.take(self.field.value)
        self._place = self._caret = start + len(words[number])
        self._typing.at(self._place)
        self._touch(self.field, *self._show_offer(Offer(start, self._place, words), number))

    def step_back(self) -> bool:
        """Offer no word any more; False where none is offered: what was written stays."""
        offered = self._offer is not None
        self._touch(*self._show_offer(None))
        return offered

    def _show_offer(self, offered: Offer | None, taken: int = -1) -> list[ft.Control]:
        self._offer, self._taken = offered, taken
        return self._line.show(offered.words if offered is not None else (), taken)

    def _look(self) -> None:
        text = self.field.value or ""
        if self._offer is not None and self._taken >= 0 and self._caret == self._offer.end:
            return  # the next word may still be asked for
        offered = None if self._selected else offer(text, self._caret, self._names, KEYWORDS)
        self._touch(*self._show_offer(offered))

    def _on_change(self, event: ft.Event[fce.CodeEditor]) -> None:
        value = str(event.data or "")  # not that of the field, which may be some keys ahead
        if self._place is not None and value == self._typing.text:
            # Only now: a place that comes along with a text is where the client has put the caret since.
            self.field.selection = ft.TextSelection(base_offset=self._place, extent_offset=self._place)
            self._touch(self.field)
        else:
            self._typing.take(value)
            self._place, self._taken = None, -1

    def _on_selection(self, event: ft.TextSelectionChangeEvent[fce.CodeEditor]) -> None:
        self._selected = self._meant(event.selected_text or "", event.selection)
        caret = event.selection.extent_offset
        if self._place is not None and caret != self._place:
            return  # on its way there
        self._caret, self._place = caret, None
        self._look()

    def _meant(self, selected: str, at: ft.TextSelection) -> str:
        """Return the statement that is selected; nothing for a single word, which is none."""
        start, end = sorted((at.base_offset, at.extent_offset))
        if self._typing.text[start:end] == selected:
            selected = self._typing.part(start, end)
        text = selected.strip()
        return text if any(char.isspace() for char in text) else ""

    def _on_blur(self) -> None:
        self._on_typing(False)
        if self._typing.untidy:
            self.put(self._typing.clean)
        self._touch(*self._show_offer(None))
