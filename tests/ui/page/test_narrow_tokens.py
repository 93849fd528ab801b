"""Tokens in the settings: listed, made once, revoked; and what a token with few scopes may do with them."""

import asyncio
from pathlib import Path
from typing import Any

import flet as ft
from msgspec.structs import replace

from streams.model.vocabulary import CONSOLE_SCOPES, Scope
from tests.ui.fake_commands import FakeCommands
from tests.ui.settings_stage import settings_stage
from ui.views.settings.present import TOKENS
from ui.views.settings.tokens import NO_TOKENS, TokensCard


def texts(card: TokensCard) -> list[str]:
    found: list[str] = []

    def walk(control: Any) -> None:
        if isinstance(control, ft.Text):
            found.append(str(control.value))
        for name in ("content", "controls"):
            inner = getattr(control, name, None)
            for each in inner if isinstance(inner, list) else [inner]:
                if isinstance(each, ft.Control):
                    walk(each)

    walk(card.control)
    return found


async def test_tokens_are_listed_made_once_and_revoked(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, TOKENS) as stage:
        card = stage.view._tokens
        await stage.until_saved()
        assert "console" in texts(card) and ", ".join(CONSOLE_SCOPES) in texts(card)
        card._name.value = "wall"
        card._scopes[Scope.RESTORE].value = True
        await stage.h.fire(card._add, "click")
        await stage.until_saved()
        assert "tw_secret-of-the-test" in texts(card) and "look, restore" in texts(card)
        card.open()
        await stage.until_saved()
        assert "tw_secret-of-the-test" not in texts(card), "it is shown once"
        assert "wall" in texts(card)


async def test_a_narrow_token_makes_none(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, TOKENS) as stage:
        card = stage.view._tokens
        stage.streams.link.on_next(replace(stage.streams.link.value, scopes=(Scope.LOOK,)))
        await stage.h.settle()
        card.open()
        await stage.until_saved()
        assert card._add.disabled and all(revoke.disabled for revoke in card._revokes)
        assert card._revokes
        assert card._add.tooltip == "This console's token has no scope destroy"


async def test_tokens_that_come_before_they_can_be_drawn_are_no_fault(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as stage:
        stage.view._on_section(TOKENS)
        await asyncio.gather(*stage.view._acts)  # no frame is drawn meanwhile
        await stage.h.settle()
        assert stage.said() == []
        assert "console" in texts(stage.view._tokens) and NO_TOKENS not in texts(stage.view._tokens)
        commands = stage.view._tokens._commands
        assert isinstance(commands, FakeCommands)
        commands.kept_tokens.clear()
        stage.view._tokens.open()
        await stage.until_saved()
        assert NO_TOKENS in texts(stage.view._tokens)
