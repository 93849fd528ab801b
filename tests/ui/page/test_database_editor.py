"""The editor on a real page: nothing goes over what is typed, and names are completed when asked for."""

import flet as ft

from streams.model.database import ColumnInfo, Outline, TableInfo
from tests.ui.harness import PageHarness
from ui.views.database.editor import SqlEditor

OUTLINE = Outline(
    path="c.db",
    size_bytes=0,
    tables=(
        TableInfo(
            name="files",
            columns=tuple(ColumnInfo(name=name) for name in ("id", "files_changed", "files_new")),
        ),
    ),
)


class _Bench:
    def __init__(self, page: PageHarness, text: str = "") -> None:
        self.page = page
        self.asked = 0
        self.editor = SqlEditor(
            text, 170, on_typing=lambda _typing: None, on_focus=self._ask, touch=lambda *_controls: None
        )
        self.editor.know(OUTLINE)
        page.mount(self.editor.control)

    def _ask(self) -> None:
        self.asked += 1

    async def typed(self, text: str, caret: int | None = None) -> None:
        """Let the client say what it says after a key."""
        await self.page.fire(self.editor.field, "change", text, value=text)
        await self.caret(len(text) if caret is None else caret)

    async def caret(self, place: int) -> None:
        selection = {"base_offset": place, "extent_offset": place}
        event = {"selected_text": "", "selection": selection}
        await self.page.fire(self.editor.field, "selection_change", event)

    @property
    def offered(self) -> list[str]:
        line = self.editor._line.control
        return self.page.texts(line)[:-1] if line.visible else []


async def test_nothing_is_written_over_what_is_typed_until_the_editor_is_left() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        await page.fire(bench.editor.field, "focus")
        for text in ("f", "f()", "f(x)", "f(x))"):
            await bench.typed(text)
        assert bench.editor.statement == "f(x)"
        page.advance(60)
        assert bench.editor.field.value == "f(x))"
        await page.fire(bench.editor.field, "blur")
        assert bench.editor.field.value == "f(x)"


async def test_what_is_run_is_what_is_seen_then_with_the_caret_where_it_was() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        field = bench.editor.field
        await page.fire(field, "focus")
        for text in ("f", "f()", "f(x)", "f(x))"):
            await bench.typed(text, len("f(x)"))
        bench.editor.tidy()
        assert field.value == "f(x)"
        await page.fire(field, "change", "f(x)")  # the client has the text now
        assert field.selection == ft.TextSelection(base_offset=4, extent_offset=4)
        bench.editor.tidy()
        assert field.value == "f(x)"


async def test_what_is_selected_has_no_closing_sign_too_many_either() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        for text in ("f ", "f ()", "f (x)", "f (x))"):
            await bench.typed(text)
        selection = {"base_offset": 6, "extent_offset": 0}
        event = {"selected_text": "f (x))", "selection": selection}
        await page.fire(bench.editor.field, "selection_change", event)
        assert bench.editor.statement == "f (x)"
        bench.editor.tidy()
        assert bench.editor.field.value == "f (x))"  # else what is selected would move


async def test_keys_that_come_faster_than_they_are_followed_are_followed_one_by_one() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        texts = ("f", "f()", "f(x)", "f(x))")
        bench.editor.field.value = texts[-1]  # a value is there at once, its events wait for their turn
        for text in texts:
            await page.fire(bench.editor.field, "change", text)
        assert bench.editor.statement == "f(x)"


async def test_enter_takes_no_completion_and_what_is_whole_is_offered_none() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        assert not bench.editor.field.autocomplete  # the list of the control takes its first entry with Enter
        await bench.typed("select fil")
        assert bench.offered == ["files", "files_changed", "files_new"]
        await bench.typed("select files")
        assert bench.offered == []
        await bench.typed("select files_")
        assert bench.offered == ["files_changed", "files_new"]
        await bench.typed("select files_\n")
        assert bench.offered == []


async def test_a_name_is_completed_when_asked_for_and_the_next_one_when_asked_again() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        editor = bench.editor
        await bench.typed("select files_ from x", caret=13)
        editor.complete()
        assert editor.text == "select files_changed from x"
        await bench.caret(27)  # where the client leaves it with the new text
        await page.fire(editor.field, "change", editor.field.value)
        assert editor.field.selection is not None
        assert editor.field.selection.extent_offset == 20
        await bench.caret(20)
        editor.complete()
        assert editor.text == "select files_new from x"
        await bench.typed("select files_new, from x", caret=17)
        editor.complete()
        assert editor.text == "select files_new, from x"


async def test_keywords_are_completed_in_the_case_they_are_typed_in() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        for typed, offered in (("sel", "select"), ("SEL", "SELECT")):
            await bench.typed(typed)
            assert bench.offered == [offered]


async def test_nothing_is_offered_any_more_once_the_statement_runs() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        await bench.typed("select fil")
        bench.editor.mark(None)
        assert bench.offered == []


async def test_a_click_on_an_empty_line_asks_for_the_keyboard() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        await page.fire(page.find(ft.GestureDetector, bench.editor.control), "tap")
        assert bench.asked == 1
