"""Commands: what a screen may rely on, whoever carries them out."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.bridge.commands import ServerCommands
from streams.model.failures import CommandFailed, TidewatchError
from streams.model.outcome import Outcome
from streams.model.server_settings import ServerSettingEdit
from streams.model.vocabulary import Scope
from streams.ports.commands import Commands
from tests.contract.conftest import Screen
from tests.ui.fake_commands import FakeCommands

NAMES = sorted(name for name in vars(Commands) if not name.startswith("_"))
Act = Callable[[Screen], Any]
ACTS: dict[str, Act] = {
    "start_server": lambda s: s.commands.start_server(),
    "stop_server": lambda s: s.commands.stop_server(),
    "back_up": lambda s: s.commands.back_up([s.client_id]),
    "cancel_run": lambda s: s.commands.cancel_run(s.run_id),
    "disconnect": lambda s: s.commands.disconnect([s.client_id]),
    "allow": lambda s: s.commands.allow([s.client_id]),
    "set_goal": lambda s: s.commands.set_goal(s.client_id, 3600.0),
    "set_quota": lambda s: s.commands.set_quota(s.client_id, 2**30),
    "protect_run": lambda s: s.commands.protect_run(s.run_id, protected=True),
    "holdings": lambda s: s.commands.holdings(s.client_id),
    "keep_client": lambda s: s.commands.keep_client(s.client_id),
    "protect_client": lambda s: s.commands.protect_client(s.client_id, protected=True),
    "tokens": lambda s: s.commands.tokens(),
    "add_token": lambda s: s.commands.add_token("wall", [Scope.LOOK], None),
    "change_server_settings": lambda s: s.commands.change_server_settings([_edit("5")]),
    "revoke_token": lambda s: s.commands.revoke_token(1),
    "remove_client": lambda s: s.commands.remove_client(s.client_id),
    "verify_files": lambda s: s.commands.verify_files([s.file_id]),
    "verify_client": lambda s: s.commands.verify_client(s.client_id),
    "delete_files": lambda s: s.commands.delete_files([s.file_id]),
    "undelete_files": lambda s: s.commands.undelete_files([s.file_id]),
}


QUOTA = "server.quota_bytes"


def _edit(value: str | None, before: str = "0", name: str = QUOTA) -> ServerSettingEdit:
    return ServerSettingEdit(name=name, value=value, before=before)


@pytest.mark.parametrize("maker", [FakeCommands, ServerCommands])
@pytest.mark.parametrize("name", NAMES)
def test_each_command_is_asked_for_as_the_port_says(maker: type, name: str) -> None:
    asked = getattr(Commands, name)
    given = getattr(maker, name)
    assert inspect.iscoroutinefunction(given) is inspect.iscoroutinefunction(asked)
    assert inspect.signature(given, eval_str=True) == inspect.signature(asked, eval_str=True)


async def test_an_outcome_is_about_what_was_asked_for(screen: Screen) -> None:
    asked = {screen.client_id}
    for outcome in (
        await screen.commands.back_up([screen.client_id]),
        await screen.commands.disconnect([screen.client_id]),
        await screen.commands.allow([screen.client_id]),
    ):
        assert isinstance(outcome, Outcome)
        assert {*outcome.done, *outcome.queued, *outcome.refused} <= asked


async def test_a_cancelled_run_comes_back_as_it_has_ended(screen: Screen) -> None:
    run = await screen.commands.cancel_run(screen.run_id)
    assert run.id == screen.run_id
    assert run.state.ended


async def test_what_is_lost_with_a_client_is_told_before_and_after(screen: Screen) -> None:
    held = await screen.commands.holdings(screen.client_id)
    assert (held.client_id, bool(held.name)) == (screen.client_id, True)
    assert min(held.files, held.bytes, held.runs) >= 0
    lost = await screen.commands.remove_client(screen.client_id)
    assert replace(lost, destroy_at=None) == held


async def test_a_token_is_made_listed_and_revoked(screen: Screen) -> None:
    made = await screen.commands.add_token("wall", [Scope.LOOK], 7)
    assert made.secret.startswith("tw_")
    listed = await screen.commands.tokens()
    assert [token.name for token in listed] == ["console", "wall"]
    assert listed[-1].scopes == (Scope.LOOK,)
    await screen.commands.revoke_token(made.token.id)
    assert [token.name for token in await screen.commands.tokens()] == ["console"]


async def test_settings_of_the_server_are_changed_all_or_none(screen: Screen) -> None:
    sheet = await screen.commands.change_server_settings([_edit("5")])
    (quota,) = [setting for setting in sheet.settings if setting.name == QUOTA]
    assert (quota.value, quota.changed, quota.set_by) == ("5", True, "token console")
    stop = _edit("7", "300", "server.stop_timeout_s")
    for wrong, code in (
        (_edit("6", "0"), "setting_changed"),
        (_edit("1", "1256", "server.port"), "setting_fixed"),
        (_edit("1", "1", "server.nothing"), "unknown_setting"),
    ):
        with pytest.raises(CommandFailed) as refused:
            await screen.commands.change_server_settings([stop, wrong])
        assert refused.value.server_code == code
    sheet = await screen.commands.change_server_settings([_edit(None, "5")])
    told = {setting.name: setting.value for setting in sheet.settings}
    assert (told[QUOTA], told[stop.name]) == ("0", "300")


async def test_a_client_that_is_protected_is_not_removed(screen: Screen) -> None:
    await screen.commands.protect_client(screen.client_id, protected=True)
    with pytest.raises(CommandFailed) as refused:
        await screen.commands.remove_client(screen.client_id)
    assert refused.value.server_code == "protected"
    await screen.commands.protect_client(screen.client_id, protected=False)
    assert (await screen.commands.remove_client(screen.client_id)).client_id == screen.client_id


async def test_a_client_that_is_to_be_removed_is_kept(screen: Screen) -> None:
    await screen.commands.remove_client(screen.client_id)
    await screen.commands.keep_client(screen.client_id)
    assert (await screen.commands.remove_client(screen.client_id)).client_id == screen.client_id


async def test_a_run_that_is_protected_keeps_its_client(screen: Screen) -> None:
    await screen.commands.protect_run(screen.run_id, protected=True)
    with pytest.raises(CommandFailed) as refused:
        await screen.commands.remove_client(screen.client_id)
    assert refused.value.server_code == "protected"
    await screen.commands.protect_run(screen.run_id, protected=False)
    assert (await screen.commands.remove_client(screen.client_id)).client_id == screen.client_id


async def test_files_are_verified_deleted_and_brought_back(screen: Screen) -> None:
    result = await screen.commands.verify_files([screen.file_id])
    assert (result.checked, result.damaged) == (1, ())
    assert (await screen.commands.verify_client(screen.client_id)).checked >= 1
    assert (await screen.commands.delete_files([screen.file_id])).done == (str(screen.file_id),)
    assert (await screen.commands.undelete_files([screen.file_id])).done == (str(screen.file_id),)


async def test_what_returns_nothing_returns_nothing(screen: Screen, tmp_path: Path) -> None:
    commands = screen.commands
    assert await commands.set_goal(screen.client_id, 3600.0) is None
    assert await commands.set_quota(screen.client_id, 2**30) is None
    assert await commands.set_quota(screen.client_id, None) is None
    assert await commands.stop_server() is None
    assert await commands.start_server() is None
    assert await commands.reconnect() is None
    assert [piece async for piece in commands.read_version(screen.version_id)]


async def test_a_refusal_is_an_error_with_words_and_a_code(screen: Screen) -> None:
    screen.refuse()
    for name, act in ACTS.items():
        with pytest.raises(TidewatchError) as refused:
            await act(screen)
        assert refused.value.message and "\n" not in refused.value.line(), name
        assert refused.value.code, name
