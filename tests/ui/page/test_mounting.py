"""Controls are taken onto the page as Flet does it, only quicker."""

from collections.abc import Callable
from typing import Any

import flet as ft
import pytest
from flet.controls.object_patch import DiffBuilder

from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.shell import flet_mount_patch as mounting
from ui.shell.app import build_console
from ui.shell.registry import VIEWS


def test_the_flet_at_hand_is_the_one_that_is_known() -> None:
    assert mounting.quicken(), (
        "compare ui/shell/flet_mount_patch.py with Flet's DiffBuilder._configure_dataclass"
    )


def test_another_flet_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DiffBuilder, "_configure_dataclass", mounting._stock)
    monkeypatch.setattr(mounting, "KNOWN", "of another version")
    assert not mounting.quicken()
    assert DiffBuilder._configure_dataclass is mounting._stock


def _mark(found: Any) -> tuple[Any, ...]:
    parent = found.parent
    return (
        type(found),
        parent and type(parent),
        found._initialized,
        found.page is not None,
        dict(found._dirty),
    )


async def _shown(configure: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """What was found, in order, and what was sent, while the whole console was walked through."""
    seen: list[Any] = []
    added = DiffBuilder.get_added_controls

    def noting(builder: DiffBuilder) -> list[Any]:
        found = list(added(builder))
        seen.extend(_mark(control) for control in found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(DiffBuilder, "_configure_dataclass", configure)
        patch.setattr(DiffBuilder, "get_added_controls", noting)
        async with PageHarness.open(width=1920, height=1080) as page:
            streams = FakeStreams(page.now)
            shell = build_console(
                page.page, streams=streams.bag, commands=FakeCommands(), context=page.context
            )
            streams.fill()
            for spec in VIEWS:
                shell.go(Place(view=spec.name))
                await page.settle()
            return [seen, [(op.kind, op.what) for op in page.ops()]]


async def test_every_view_is_taken_as_flet_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = await _shown(mounting._stock, monkeypatch)
    quick = await _shown(mounting._configure, monkeypatch)
    assert all(len(part) > 400 for part in stock)
    assert quick == stock


def _odd() -> ft.Control:
    """Controls in values, dictionaries and lists, and some that were set after others."""
    tile = ft.Container(ft.Text("inner"), padding=ft.Padding.all(3))
    tile.border = ft.Border.all(1, "red")
    tile.tooltip = ft.Tooltip("hint", text_style=ft.TextStyle(size=9))
    line = ft.ListTile(trailing=ft.Icon(ft.Icons.ADD))
    line.leading = ft.Checkbox()
    line.title = ft.Text("set last, declared first")
    return ft.Column(
        [line, tile, ft.Dropdown(options=[ft.DropdownOption("a", content=ft.Text("A"))])],
        data={"not": ft.Text("walked")},
    )


async def test_what_is_nested_in_values_is_found_in_the_order_of_declaration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {}
    for name, configure in (("stock", mounting._stock), ("quick", mounting._configure)):
        monkeypatch.setattr(
            DiffBuilder, "_configure_dataclass", configure
        )  # the stock one calls itself by name
        async with PageHarness.open() as page:
            root = _odd()
            builder = DiffBuilder(None, root, control_cls=ft.BaseControl)
            found[name] = [type(c) for c in configure(builder, root, page.page, False)]
    assert found["quick"] == found["stock"]
    assert ft.DropdownOption in found["quick"]


@pytest.mark.parametrize("configure", [mounting._stock, mounting._configure])
async def test_a_control_cannot_be_in_itself(configure: Callable[..., Any]) -> None:
    text = ft.Text("a")
    with pytest.raises(Exception, match="Parent is the same"):
        list(configure(DiffBuilder(None, text, control_cls=ft.BaseControl), text, text, False))
