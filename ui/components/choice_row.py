"""A few words side by side, one of which is chosen."""

from collections.abc import Callable, Sequence

import flet as ft

from ui.base.theme import CARD, FADE_MS, INK, LINE, QUIET_INK, RADIUS, SELECTED, SIZE_BODY, SIZE_SMALL


class ChoiceRow(ft.Row):
    """One choice out of some; tells ``on_choose`` its word when another one is clicked."""

    def __init__(
        self,
        choices: Sequence[str],
        chosen: str,
        on_choose: Callable[[str], None],
        *,
        small: bool = False,
        label: str = "",
    ) -> None:
        self._on_choose = on_choose
        self._small = small
        self._boxes = {choice: self._box(choice) for choice in choices}
        self._said = {
            choice: ft.Semantics(
                content=box, button=True, selected=choice == chosen, label=f"{label} {choice}".strip()
            )
            for choice, box in self._boxes.items()
        }
        self.chosen = chosen
        super().__init__(list(self._said.values()), spacing=2 if small else 4, tight=True)
        self._paint()

    def set(self, chosen: str) -> bool:
        """Show another choice without telling it; return whether that changed anything."""
        if chosen == self.chosen or chosen not in self._boxes:
            return False
        self.chosen = chosen
        self._paint()
        return True

    def _box(self, choice: str) -> ft.Container:
        return ft.Container(
            ft.Text(choice, size=SIZE_SMALL if self._small else SIZE_BODY, no_wrap=True),
            height=20 if self._small else 36,
            padding=ft.Padding.symmetric(horizontal=8 if self._small else 14),
            alignment=ft.Alignment.CENTER,
            border_radius=6 if self._small else RADIUS,
            animate=ft.Animation(FADE_MS),
            on_click=lambda _: self._choose(choice),
        )

    def _choose(self, choice: str) -> None:
        if self.set(choice):
            self.update()
            self._on_choose(choice)

    def _paint(self) -> None:
        for choice, box in self._boxes.items():
            on = choice == self.chosen
            self._said[choice].selected = on
            box.bgcolor = SELECTED if on else None if self._small else CARD
            if not self._small:
                box.border = ft.Border.all(1, ft.Colors.PRIMARY if on else LINE)
            if isinstance(box.content, ft.Text):
                box.content.color = INK if on or not self._small else QUIET_INK
