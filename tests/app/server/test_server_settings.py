"""The server's own settings through its API: read, changed, kept, audited and told; and what is refused."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from app.config.configured import load_server
from app.config.sections import ServerSettings
from app.server import live_settings
from app.server.limits import Limits
from app.server.live_settings import FIXED, LIVE
from app.server.run import running_room
from streams.model.failures import DatabaseLocked
from streams.model.server_settings import ServerSetting, ServerSettingsSheet
from streams.model.settings import SettingKind, SettingSource
from streams.model.vocabulary import EventKind, Scope
from tests.architecture.sources import ROOT
from tests.servers import RunningServer, a_server, lay_blank

QUOTA = "server.quota_bytes"


async def sheet(server: RunningServer) -> dict[str, ServerSetting]:
    found = await server.get("/api/settings", ServerSettingsSheet)
    return {setting.name: setting for setting in found.settings}


async def change(server: RunningServer, *changes: tuple[str, str | None, str], http: Any = None) -> Any:
    body = {"changes": [{"name": n, "value": v, "before": b} for n, v, b in changes]}
    async with (http or server.console).patch("/api/settings", json=body) as response:
        return response.status, await response.json()


async def rows(server: RunningServer) -> list[tuple[Any, ...]]:
    await server.room.audit.step()
    page = await server.get("/api/logs?sources=audit")
    return [
        tuple(line["fields"].get(name, "") for name in ("who", "on", "result", "detail"))
        for line in page["lines"]
        if line["message"] == "change settings"
    ]


def test_every_setting_is_changed_here_or_says_why_not() -> None:
    assert set(LIVE) | set(FIXED) == set(ServerSettings.model_fields)
    assert set(LIVE) <= set(Limits.__dataclass_fields__)
    assert set(live_settings.WHEN_LESS) <= set(LIVE)
    for field in ServerSettings.model_fields.values():
        assert "Secret" not in str(field.annotation), "a secret must not be told to who may only look"


async def test_all_settings_are_told_with_range_default_and_source(tmp_path: Path) -> None:
    async with a_server(tmp_path, quota_bytes=5) as server:
        told = await sheet(server)
    assert list(told) == [f"server.{key}" for key in ServerSettings.model_fields]
    quota = told[QUOTA]
    assert (quota.value, quota.default, quota.unit, quota.kind) == ("5", "0", "bytes", SettingKind.WHOLE)
    assert quota.allowed.startswith("a whole number from 0")
    assert not quota.fixed
    assert told["server.host"].fixed
    assert told["server.host"].takes_effect == "when the server starts again"
    assert "keeps every console and agent out" in told["server.host"].refusal


async def test_a_change_is_in_force_audited_told_and_kept_over_a_restart(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        async with server.events() as console:
            await console.resume(None)
            status, answer = await change(
                server, (QUOTA, "5,000", "0"), ("server.stop_timeout_s", "7", "300")
            )
            event = await console.event(EventKind.SETTINGS_CHANGED)
        assert status == 200, answer
        assert event.activity is not None
        assert event.activity.reason == "server.quota_bytes: 0 to 5000, server.stop_timeout_s: 300 to 7"
        assert (server.room.limits.quota_bytes, server.room.limits.stop_timeout_s) == (5000, 7)
        assert await rows(server) == [
            ("token console", "server.stop_timeout_s", "done", "300 to 7"),
            ("token console", QUOTA, "done", "0 to 5000"),
        ]
    async with a_server(tmp_path) as server:
        setting = (await sheet(server))[QUOTA]
        assert (server.room.limits.quota_bytes, setting.value, setting.configured) == (5000, "5000", "0")
        assert (setting.source, setting.set_by) == (SettingSource.SERVER, "token console")
        assert setting.set_at is not None
        assert (await change(server, (QUOTA, None, "5000")))[0] == 200
        assert (server.room.limits.quota_bytes, (await sheet(server))[QUOTA].changed) == (0, False)
        assert len(await rows(server)) == 3, "a start that changes nothing leaves no row"


async def test_what_was_changed_meanwhile_is_refused_and_nothing_else_of_it_is_done(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        assert (await change(server, (QUOTA, "1", "0")))[0] == 200
        status, answer = await change(server, ("server.stop_timeout_s", "7", "300"), (QUOTA, "2", "0"))
        assert (status, answer["code"]) == (409, "setting_changed")
        assert answer["message"] == f"{QUOTA} was changed meanwhile by token console: it is 1, not 0."
        assert (server.room.limits.quota_bytes, server.room.limits.stop_timeout_s) == (1, 300)
        many = await asyncio.gather(*(change(server, (QUOTA, str(n), "1")) for n in range(10, 20)))
        assert sorted(status for status, _ in many) == [200] + [409] * 9


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("server.keep_deleted_days", "-1", "setting_rejected"),
        ("server.keep_deleted_days", "nan", "setting_rejected"),
        ("server.keep_deleted_days", "soon", "setting_rejected"),
        ("server.replay_events", "1e999", "setting_rejected"),
        ("server.replay_events", "2.5", "setting_rejected"),
        ("server.audit_days", "", "setting_rejected"),
        ("server.port", "1", "setting_fixed"),
        ("server.trusted_proxies", "0.0.0.0/0", "setting_fixed"),
        ("server.nothing", "1", "unknown_setting"),
        ("ui.theme", "dark", "unknown_setting"),
        ("agent.schedule_s", "60", "unknown_setting"),
    ],
)
async def test_what_may_not_be_is_refused_with_its_reason_and_noted(
    tmp_path: Path, name: str, value: str, code: str
) -> None:
    async with a_server(tmp_path) as server:
        before = (await sheet(server)).get(name)
        status, answer = await change(server, (name, value, before.value if before else ""))
        assert (status, answer["code"]) == (
            {"unknown_setting": 404, "setting_fixed": 409}.get(code, 422),
            code,
        )
        assert answer["message"]
        assert (await sheet(server)).get(name) == before
        ((who, target, result, _),) = await rows(server)
        assert (who, target, result) == ("token console", name, f"refused: {code}")


@pytest.mark.parametrize("scope", [Scope.LOOK, Scope.OPERATE, Scope.RESTORE])
async def test_a_stolen_token_that_may_not_destroy_shortens_nothing(tmp_path: Path, scope: Scope) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        made = await server.room.catalogue.console_tokens.add("stolen", {Scope.LOOK, scope}, made_by="test")
        http = server.http(made.secret)
        for name, before in (("destroy_delay_h", "72"), ("keep_deleted_days", "30"), (QUOTA[7:], "0")):
            status, _ = await change(server, (f"server.{name}", "1", before), http=http)
            assert status == 403
        assert (server.room.limits.destroy_delay_h, server.room.limits.keep_deleted_days) == (72, 30)


async def test_a_shorter_time_is_told_with_the_one_that_still_holds(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        await server.room.removal.delay()
        status, answer = await change(server, ("server.destroy_delay_h", "1", "72"))
        assert status == 200
        told = next(each for each in answer["settings"] if each["key"] == "destroy_delay_h")
        assert (told["value"], told["held"]) == ("1", "72")
        assert told["held_until"] > told["set_at"]
        assert (await server.room.removal.delay()).total_seconds() == 72 * 3600
        assert (await change(server, ("server.destroy_delay_h", "100", "1")))[0] == 200
        assert (await sheet(server))["server.destroy_delay_h"].held == ""


async def test_what_command_line_and_environment_say_is_fixed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tidewatch.toml"
    file.write_text("[server]\nquota_bytes = 7\naudit_days = 90\n")
    monkeypatch.setenv("TIDEWATCH_SERVER__AUDIT_DAYS", "365")
    data = tmp_path / "data"
    lay_blank(data)
    configured = await asyncio.to_thread(load_server, file, {"server": {"insecure_http": True}})
    async with running_room(data, host="127.0.0.1", port=0, settings=configured) as (room, info):
        server = RunningServer(info, room, (await asyncio.to_thread(info.token_file.read_text)).strip())
        told = await sheet(server)
        assert (told[QUOTA].value, told[QUOTA].source_name) == ("7", str(file))
        assert told["server.insecure_http"].source is SettingSource.FLAG
        audit = told["server.audit_days"]
        assert (audit.value, audit.fixed) == ("365", True)
        assert "TIDEWATCH_SERVER__AUDIT_DAYS" in audit.refusal
        status, answer = await change(server, ("server.audit_days", "1", "365"))
        assert (status, answer["code"], answer["detail"]) == (409, "setting_fixed", audit.refusal)
        assert (await change(server, (QUOTA, "8", "7")))[0] == 200
        for session in server.sessions:
            await session.close()
    # Given from outside later on, it goes before what was set, and is noted at the start.
    monkeypatch.setenv("TIDEWATCH_SERVER__QUOTA_BYTES", "9")
    configured = await asyncio.to_thread(load_server, file, {})
    async with running_room(data, host="127.0.0.1", port=0, settings=configured) as (room, info):
        server = RunningServer(info, room, (await asyncio.to_thread(info.token_file.read_text)).strip())
        assert (room.limits.quota_bytes, (await sheet(server))[QUOTA].fixed) == (9, True)
        assert ("server", QUOTA, "done", "8 to 9") in await rows(server)
        for session in server.sessions:
            await session.close()
    assert await asyncio.to_thread(file.read_text) == "[server]\nquota_bytes = 7\naudit_days = 90\n"


async def test_a_catalogue_that_takes_no_write_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:

        async def refuse(*_: Any, **__: Any) -> None:
            raise DatabaseLocked("It is locked.")

        monkeypatch.setattr(server.room.catalogue.settings, "change", refuse)
        assert (await change(server, (QUOTA, "1", "0")))[0] == 503
        assert (server.room.limits.quota_bytes, (await sheet(server))[QUOTA].value) == (0, "0")


async def test_a_value_that_this_release_does_not_allow_is_ignored(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        await server.room.catalogue.settings.change(
            {"quota_bytes": "-5", "gone": "1"}, by="x", audited={}, notes=[], about=""
        )
    async with a_server(tmp_path) as server:
        assert (server.room.limits.quota_bytes, (await sheet(server))[QUOTA].changed) == (0, False)


async def test_verification_and_copies_follow_a_changed_setting(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        room = server.room
        await room.scheduled_verification.verify_due()
        assert (await change(server, ("server.verify_days", "0", "30")))[0] == 200
        standing = room.scheduled_verification.status()
        assert standing is not None
        assert (standing.state, standing.within_days) == ("off", 0)
        assert (await change(server, ("server.catalogue_backup_h", "0", "24")))[0] == 200
        assert room.catalogue_backups.status().backup_every_h == 0


KILLED_AFTER_THE_WRITE = """
import asyncio, os, signal, sys
from pathlib import Path
from app.catalogue.kept_settings import KeptSettings
from app.config.sections import ServerSettings
from app.server.run import serve
import aiohttp
written = KeptSettings.change
async def change(self, *args, **more):
    await written(self, *args, **more)
    os.kill(os.getpid(), signal.SIGKILL)
KeptSettings.change = change
async def main():
    async def ask(info):
        headers = {"Authorization": "Bearer " + info.token_file.read_text().strip()}
        async with aiohttp.ClientSession(info.url, headers=headers) as http:
            edit = {"name": "server.quota_bytes", "value": "5", "before": "0"}
            await http.patch("/api/settings", json={"changes": [edit]})
    tasks = []
    ready = lambda info: tasks.append(asyncio.ensure_future(ask(info)))
    await serve(Path(sys.argv[1]), host="127.0.0.1", port=0, settings=ServerSettings(), ready=ready,
                stop=asyncio.Event())
asyncio.run(main())
"""


async def test_killed_between_write_and_answer_value_row_and_event_are_there_together(tmp_path: Path) -> None:
    lay_blank(tmp_path)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_AFTER_THE_WRITE, str(tmp_path), cwd=ROOT
    )
    assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL
    async with a_server(tmp_path) as server:
        setting = (await sheet(server))[QUOTA]
        assert (setting.value, setting.set_by, server.room.limits.quota_bytes) == ("5", "token console", 5)
        assert [row for row in await rows(server) if row[1] == QUOTA] == [
            ("token console", QUOTA, "done", "0 to 5")
        ]
        kinds = [line["kind"] for line in await server.get("/api/activity")]
        assert kinds.count("settings_changed") == 1
