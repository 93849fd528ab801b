"""The editor on a real page: surplus signs go when nobody types, and no typed one goes with them."""

import flet as ft

from tests.ui.harness import PageHarness
from ui.views.database_editor import IDLE_S, SqlEditor


class _Bench:
    def __init__(self, page: PageHarness, text: str = "") -> None:
        self.page = page
        self.asked = 0
        self.editor = SqlEditor(text, 170, on_typing=lambda _typing: None, on_focus=self._ask)
        self.editor.idle(page.scheduler).subscribe(self._tidy)
        page.mount(self.editor.control)

    def _tidy(self, _idle: None) -> None:
        self.editor.tidy()

    def _ask(self) -> None:
        self.asked += 1

    async def typed(self, text: str) -> None:
        await self.page.fire(self.editor.field, "change", value=text)
        place = {"base_offset": len(text.rstrip(")")) + 1, "extent_offset": len(text.rstrip(")")) + 1}
        await self.page.fire(self.editor.field, "selection_change", {"selected_text": "", "selection": place})


async def test_what_is_one_too_many_goes_when_nobody_types() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        for text in ("f", "f()", "f(x)", "f(x))"):
            await bench.typed(text)
        assert bench.editor.field.value == "f(x))"
        assert bench.editor.statement == "f(x)"
        page.advance(IDLE_S + 0.1)
        assert bench.editor.field.value == "f(x)"
        selection = bench.editor.field.selection
        assert selection is not None
        assert selection.extent_offset == 4


async def test_what_is_typed_while_the_tidied_text_is_on_its_way_is_kept() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        for text in ("f", "f()", "f(x)", "f(x))"):
            await bench.typed(text)
        page.advance(IDLE_S + 0.1)
        await bench.typed("f(x);)")  # there, the surplus sign still stood
        assert bench.editor.text == "f(x);"
        page.advance(IDLE_S + 0.1)
        assert bench.editor.field.value == "f(x);"


async def test_a_click_on_an_empty_line_asks_for_the_keyboard() -> None:
    async with PageHarness.open() as page:
        bench = _Bench(page)
        await page.fire(page.find(ft.GestureDetector, bench.editor.control), "tap")
        assert bench.asked == 1
