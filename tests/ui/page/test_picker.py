"""The filter that one types into: what it finds, and how it is walked, left and chosen from."""

import flet as ft

from tests.ui.harness import PageHarness, key_event
from ui.base.bound_view import BoundView
from ui.components.picker import MAX_LISTED, Picker, matching
from ui.components.toolbar import Choice

CHOICES = [
    Choice("", "Any"),
    *(Choice(f"id{n}", name) for n, name in enumerate(("backup-web", "db-01", "web-01"))),
]


def test_what_begins_with_the_text_is_found_first() -> None:
    assert [choice.label for choice in matching(CHOICES, " WEB")] == ["web-01", "backup-web"]
    assert matching(CHOICES, "") == CHOICES
    assert matching(CHOICES, "an") == [], "that nothing is narrowed is not a name"


class Bench:
    """A picker on a page, and what it told."""

    def __init__(self, page: PageHarness, choices: list[Choice]) -> None:
        self.page, self.chosen, self.closed = page, list[str](), 0
        self.picker = Picker("Client", choices, self.chosen.append, left=0, top=0, on_closed=self._on_closed)
        stack = ft.Stack([self.picker.control, *self.picker.layers])
        page.mount(BoundView(context=page.context, key="bench", content=stack))

    def _on_closed(self) -> None:
        self.closed += 1

    async def open(self) -> None:
        await self.page.fire(self.picker._face.box, "click")

    async def type(self, text: str) -> None:
        self.picker.field.value = text
        await self.page.fire(self.picker.field, "change")

    def listed(self) -> list[str]:
        return [choice.label for choice in self.picker._listed]


async def test_a_name_is_typed_walked_to_and_chosen() -> None:
    async with PageHarness.open() as page:
        bench = Bench(page, CHOICES)
        await bench.open()
        assert bench.listed() == ["Any", "backup-web", "db-01", "web-01"]
        assert page.context.typing
        await bench.type("web")
        assert bench.listed() == ["web-01", "backup-web"]
        await bench.picker.take_key(key_event("Arrow Down"))
        await page.fire(bench.picker.field, "submit")
        assert (bench.chosen, bench.closed) == (["id0"], 1)
        assert not bench.picker.is_open and not page.context.typing
        assert "Client: backup-web" in page.texts()


async def test_escape_empties_the_field_then_closes_and_chooses_nothing() -> None:
    async with PageHarness.open() as page:
        bench = Bench(page, CHOICES)
        await bench.open()
        await bench.type("zzz")
        assert "No client matches." in page.texts()
        assert page.context.text_input is bench.picker
        assert bench.picker.step_back()
        assert bench.listed()[0] == "Any" and bench.picker.is_open
        assert bench.picker.step_back() and not bench.picker.is_open
        assert bench.chosen == []


async def test_of_very_many_the_rest_is_found_by_typing() -> None:
    async with PageHarness.open() as page:
        bench = Bench(page, [Choice("", "Any"), *(Choice(f"id{n}", f"host-{n:04}") for n in range(1000))])
        await bench.open()
        assert len(bench.listed()) == MAX_LISTED
        assert "and 801 more: type to find them" in page.texts()
        await bench.type("host-0999")
        assert bench.listed() == ["host-0999"]
