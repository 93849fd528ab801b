import asyncio
import json
import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from app.agent.command_settings import seconds_of
from app.agent.terminal import size_text
from streams.model.failures import ConfigRejected
from streams.model.vocabulary import RunState
from tests.app.agent.machines import HeldUpload, a_backup, a_server, agent, restore


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def words(tmp_path: Path, url: str, code: str = "CODE") -> tuple[object, ...]:
    return ("--server", url, "--name", "laptop", "--code", code, "--state", tmp_path / "state", "--once")


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, told = capsys.readouterr()
    assert "laptop: " not in out, out
    assert told.startswith("tidewatch: "), told
    assert told.count("\n") == 1, told
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("backup.example.org", "is not an address"),
        ("ftp://host", "is not an address"),
        ("http://", "is not an address"),
        ("http://host:port", "is not an address"),
        ("http://host/path?query", "more than scheme"),
        ("https://no-such-host.invalid:1256", "no host of that name"),
        ("http://192.0.2.1:1256", "in the clear"),
        ("http://localhost.example.org", "in the clear"),
        ("http://[2001:db8::1]:1256", "in the clear"),
        ("http://0.0.0.0", "in the clear"),
        ("http://127.1", "in the clear"),
    ],
)
async def test_a_wrong_address_is_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, expected: str
) -> None:
    assert await agent(source, *words(tmp_path, url)) == 2
    assert expected in one_line(capsys)


async def test_nothing_there_is_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert await agent(source, *words(tmp_path, url)) == 2
    assert "nothing listens there" in one_line(capsys)
    (tmp_path / "token").write_text("t")
    to = ("--token-file", tmp_path / "token", "--to", tmp_path / "to")
    assert await restore("laptop", "--server", url, *to) == 2
    assert "nothing listens there" in one_line(capsys)
    assert not (tmp_path / "to").exists()


async def test_codes_work_once_and_for_their_name(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        assert await agent(source, *words(tmp_path, server.url, "WRONG-CODE")) == 2
        line = one_line(capsys)
        assert server.url in line and "no enrolment code for laptop" in line and "server enrol" in line
        assert await agent(source, *words(tmp_path, server.url, code)) == 0
        capsys.readouterr()
        used = words(tmp_path / "other", server.url, code)
        assert await agent(source, *used) == 2
        line = one_line(capsys)
        assert server.url in line and "has been used" in line and "server enrol" in line
        old = (await server.room.catalogue.enrolments.create("laptop", valid_s=-1)).code
        assert await agent(source, *words(tmp_path / "other", server.url, old)) == 2
        line = one_line(capsys)
        assert server.url in line and "has expired" in line and "server enrol" in line
        assert await agent(source, *words(tmp_path, server.url, code)) == 0


async def test_who_guesses_is_told_once_to_wait(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data", enrol_failures=1) as server:
        assert await agent(source, *words(tmp_path, server.url, "GUESS")) == 2
        one_line(capsys)
        assert await agent(source, *words(tmp_path, server.url, "GUESS")) == 2
        assert one_line(capsys).lower().count("wait a minute") == 1


async def test_a_revoked_token_is_one_line_and_a_fresh_code_mends_it(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
        client_id = await server.client_id("laptop")
        await server.room.catalogue.tokens.revoke_client(client_id)
        capsys.readouterr()
        for more in (("--once",), ()):
            assert await agent(source, "--state", tmp_path / "state", *more) == 2
            line = one_line(capsys)
            assert server.url in line and "revoked" in line and "server enrol" in line
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
        assert await server.client_id("laptop") == client_id


async def test_a_single_backup_waits_for_a_server_that_is_restarted(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
        await server.stop()
        working = asyncio.create_task(agent(source, "--state", tmp_path / "state", "--once"))
        told = ""
        async with asyncio.timeout(30):
            while "Trying again." not in told:
                assert not working.done(), "it has given up"
                told += "".join(capsys.readouterr())
                await asyncio.sleep(0.01)
        await server.start()
        assert await working == 0


async def test_what_is_missing_or_not_ours_is_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.agent.service.ONCE_PATIENCE_S", 0.0)
    state = tmp_path / "state"
    async with a_server(tmp_path / "data") as server:
        assert await agent(tmp_path / "nowhere", *words(tmp_path, server.url)) == 2
        assert "No such file" in one_line(capsys)
        assert await agent(source, "--state", source / "file" / "state", "--once") == 2
        assert "cannot be made" in one_line(capsys)
        assert await agent(source, "--state", state, "--once") == 2
        assert "--code" in one_line(capsys)
        named = ("--server", server.url, "--name", "laptop", "--state", state, "--once")
        assert await agent(source, *named) == 2
        assert "tidewatch server enrol laptop --data DIR" in one_line(capsys)
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
        capsys.readouterr()
        assert await agent(source, "--state", state, "--name", "other", "--once") == 2
        assert "belongs to the client 'laptop'" in one_line(capsys)
        assert await agent(source, "--state", state, "--server", "http://127.0.0.1:9", "--once") == 2
        assert "nothing listens there" in one_line(capsys)
        assert await agent(source, "--state", state, "--every", "often", "--once") == 2
        assert "--every" in one_line(capsys)
        assert await agent(source, "--state", state, "--ignore", "!", "--once") == 2
        assert "pattern" in one_line(capsys)
        (state / "identity.json").write_text("{}")
        assert await agent(source, "--state", state, "--once") == 2
        assert "damaged" in one_line(capsys)


async def test_a_service_whose_token_is_revoked_in_mid_backup_says_so_once(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], held_upload: HeldUpload
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await held_upload.begun()
        await server.room.catalogue.tokens.revoke_client(await server.client_id("laptop"))
        held_upload.release()
        async with asyncio.timeout(30):
            assert await working == 2
        assert capsys.readouterr().err.count("revoked") == 1


async def test_an_agent_that_stays_ends_well_when_it_is_told_to_end(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await server.states(RunState.COMPLETE)
        working.cancel()  # as a signal does
        assert await working == 0
        assert capsys.readouterr().err == "tidewatch: The agent was stopped.\n"


async def test_one_backup_that_is_ended_by_a_signal_is_not_done(
    source: Path, tmp_path: Path, held_upload: HeldUpload
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--once") as working,
    ):
        await held_upload.begun()
        working.cancel()
        assert await working == 2
        (run,) = await server.runs()
        assert run.state is RunState.CANCELLED


async def test_a_stopped_server_is_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        await server.room.switch.stop(0)
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 2
        assert "takes no new backups" in one_line(capsys)


async def test_a_full_disk_at_the_server_ends_the_run_at_once_and_says_what_to_do(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data", least_free_bytes=2**60) as server:
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 2
        told = capsys.readouterr()
        assert "disk is full" in told.err and "Make room" in told.err and told.err.count("\n") == 1
        (run,) = await server.runs()
        assert run.state is RunState.FAILED
        assert run.reason is not None and "disk is full" in run.reason


async def test_restore_says_what_is_wrong(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
        capsys.readouterr()
        good = ("--server", server.url, "--to", tmp_path / "to", "--token-file")
        token = server.info.token_file
        (tmp_path / "bad").write_text("tw_wrong\n")
        for args, expected in (
            (("stranger", *good, token), "no client 'stranger'"),
            (("laptop", *good, tmp_path / "missing"), "cannot be read"),
            (("laptop", *good, tmp_path / "bad"), "console.token"),
            (("laptop", *good, token, "--at", "yesterday"), "is not a time"),
            (("laptop", *good, token, "--at", "2001-01-01"), "has no files"),
            (("laptop", *good, token, "*.nothing"), "matches"),
            (("laptop", *good, token, "--to", tmp_path / ("long" * 100)), "File name too long"),
        ):
            assert await restore(*args) == 2
            assert expected in one_line(capsys)
        assert not (tmp_path / "to").exists()


async def test_settings_ignore_too(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "noise.log").write_text("x")
    config = tmp_path / "tidewatch.toml"
    config.write_text('[agent]\nignore = ["*.log"]\n')
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        assert await agent(source, *words(tmp_path, server.url, code), "--config", config) == 0
        assert "1 file, 1 new" in capsys.readouterr().out


def test_sizes_are_written_for_people() -> None:
    assert [size_text(size) for size in (0, 1, 2, 1536)] == ["0 bytes", "1 byte", "2 bytes", "1.5 KiB"]


def test_times_are_written_with_their_unit() -> None:
    assert [seconds_of(text) for text in ("90s", "30m", "6h", "1.5d")] == [90, 1800, 21600, 129600]
    for wrong in ("", "6", "h", "6x"):
        with pytest.raises(ConfigRejected):
            seconds_of(wrong)


async def test_no_token_is_ever_written_where_it_can_be_read(source: Path, tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await agent(source, *words(tmp_path, server.url, await server.code("laptop"))) == 0
    state = tmp_path / "state"
    token = json.loads((state / "identity.json").read_text())["token"].encode()
    assert state.stat().st_mode & 0o077 == 0
    for path in state.iterdir():
        assert path.name == "identity.json" or token not in path.read_bytes()
    assert (os.stat(state / "identity.json").st_mode & 0o777) == 0o600


async def test_a_server_of_an_unknown_authority_is_not_trusted_until_it_is_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = tmp_path / "tidewatch.toml"
    config.write_text('[agent]\nca_file = "ca.pem"\n')
    async with a_server(tmp_path / "data", tls=context) as server:
        url = f"https://localhost:{server.info.port}"
        code = await server.code("laptop")
        assert await agent(source, *words(tmp_path, url, code)) == 2
        assert "cannot be trusted" in one_line(capsys)
        assert await agent(source, *words(tmp_path, url, code), "--config", config) == 0
        token = server.info.token_file
        back = ("laptop", "--server", url, "--token-file", token, "--to", tmp_path / "to")
        assert await restore(*back, "--config", config) == 0
    assert (tmp_path / "to" / "file").read_text() == "x"
