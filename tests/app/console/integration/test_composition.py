"""The console's parts: a child that does not start, preferences, the guard of web mode."""

import errno
import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.config import ConnectionSettings, MockSettings, Settings
from app.console.browser_page import BrowserPage
from app.console.composition import running_console
from app.console.mock_server import PREFIX, _leftovers, _remove, simulated_server
from app.console.prefs import FilePrefs
from app.console.web import NOT_SENT, OriginGuard, SecretPath, listen
from app.runtime.tasks import Tasks
from app.server.data_dir import LOCK_FILE
from streams.model.failures import ConfigRejected, ServerUnreachable
from tests.servers import until


@pytest.mark.parametrize("link", ["nowhere", "nowhere/7", "select 1"])
async def test_a_link_that_leads_nowhere_is_said_before_anything_starts(link: str) -> None:
    with pytest.raises(ConfigRejected, match=r"there is no such place\.") as refusal:
        async with running_console(Settings(), open_at=link):
            pass
    assert "clients/NAME" in refusal.value.hint


async def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigRejected, match=f"Port {port} is taken"):
            listen(port)


async def test_a_child_that_does_not_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "python"
    program.write_text("#!/bin/sh\necho 'tidewatch: no room left' >&2\nexit 5\n")
    program.chmod(0o755)
    monkeypatch.setattr("app.console.mock_server.sys.executable", str(program))
    mock = MockSettings(database_path=tmp_path / "kept" / "catalogue.db", start_s=5)
    with pytest.raises(ServerUnreachable, match="did not start: no room left"):
        async with simulated_server(mock, ConnectionSettings()):
            pass


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    mock = MockSettings(database_path=tmp_path / "file" / "data" / "catalogue.db")
    with pytest.raises(ConfigRejected, match="cannot be written: Not a directory") as refusal:
        async with simulated_server(mock, ConnectionSettings()):
            pass
    assert "mock.database_path" in refusal.value.hint


async def test_what_is_removed_goes_without_a_process_of_ours_that_stays(tmp_path: Path) -> None:
    left = [tmp_path / name for name in ("one", "two")]
    for folder in left:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
    children = psutil.Process().children()
    await _remove(*left)
    assert psutil.Process().children() == children
    await until(lambda: not any(folder.exists() for folder in left))


async def test_what_somebody_else_left_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.mock_server.tempfile.gettempdir", lambda: str(tmp_path))
    theirs, ours = tmp_path / f"{PREFIX}theirs", tmp_path / f"{PREFIX}ours"
    for folder in (theirs, ours):
        folder.mkdir()
        (folder / LOCK_FILE).touch()
    stat = Path.stat

    def closed(path: Path, **how: bool) -> os.stat_result:
        if path.parent == theirs:  # of another user: nobody else may enter it
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", closed)
    assert _leftovers() == [ours]


async def test_a_child_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr("app.console.mock_server.sys.executable", str(program))
    monkeypatch.setattr("app.console.mock_server.END_S", 0.1)
    mock = MockSettings(database_path=tmp_path / "kept" / "catalogue.db", start_s=1)
    with pytest.raises(ServerUnreachable, match="not ready within 1 s"):
        async with simulated_server(mock, ConnectionSettings()):
            pass


async def test_a_child_that_dies_is_followed_by_one_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, starts = tmp_path / "python", tmp_path / "starts"
    told = '{"host": "127.0.0.1", "port": 4242, "token_file": "t", "database_path": "d"}'
    program.write_text(f"#!/bin/sh\necho $$ \"$@\" >> {starts}\necho '{told}'\nexec cat\n")
    program.chmod(0o755)
    monkeypatch.setattr("app.console.mock_server.sys.executable", str(program))
    monkeypatch.setattr("app.console.mock_server.AGAIN_S", 0.01)
    mock = MockSettings(database_path=tmp_path / "kept" / "catalogue.db", start_s=30)

    def lines() -> list[list[str]]:
        return [line.split() for line in starts.read_text().splitlines()]

    async with simulated_server(mock, ConnectionSettings()) as simulated:
        assert simulated.connection.port == 4242
        for number in (1, 2):
            os.kill(int(lines()[-1][0]), signal.SIGKILL)
            await until(lambda number=number: len(lines()) > number)
        simulated.disconnect()
    first, *later = lines()
    place = first.index("--port") + 1
    assert first[place] == "0"
    assert [line[1:] for line in later] == [[*first[1:place], "4242", *first[place + 1 :]]] * 2


async def test_preferences_that_could_not_be_written_are_written_later(tmp_path: Path) -> None:
    blocked, tasks = tmp_path / "state", Tasks()
    blocked.write_text("a file where the folder should be")
    prefs = FilePrefs(blocked / "console.json", tasks)
    prefs.put("theme", "dark")
    assert not await prefs.flush()
    blocked.unlink()
    assert await prefs.flush()
    again = FilePrefs(blocked / "console.json", tasks)
    await again.load()
    assert again.get("theme") == "dark"
    await tasks.close()


async def test_preferences_outlive_the_program(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    tasks = Tasks()
    first = FilePrefs(path, tasks)
    await first.load()
    assert first.get("theme", "system") == "system"
    first.put("theme", "dark")
    first.put("clients.sort", ["name", True])
    await first.flush()
    second = FilePrefs(path, tasks)
    await second.load()
    assert (second.get("theme"), second.get("clients.sort")) == ("dark", ["name", True])
    path.write_text("{ broken")
    third = FilePrefs(path, tasks)
    await third.load()
    assert third.get("theme") is None
    await tasks.close()


@pytest.mark.parametrize(
    ("kind", "headers", "passes"),
    [
        ("http", {"host": "127.0.0.1:80"}, True),
        ("http", {"host": "localhost:80", "origin": "http://localhost:80"}, True),
        ("http", {"host": "evil:80"}, False),
        ("http", {}, False),
        ("http", {"host": "127.0.0.1:80", "origin": "http://evil"}, False),
        ("http", {"host": "127.0.0.1:80", "origin": "null"}, False),
        ("websocket", {"host": "127.0.0.1:80", "origin": "http://127.0.0.1:80"}, True),
        ("websocket", {"host": "127.0.0.1:80"}, False),
        ("websocket", {"host": "127.0.0.1:81", "origin": "http://127.0.0.1:81"}, False),
    ],
)
async def test_who_is_let_in(kind: str, headers: dict[str, str], passes: bool) -> None:
    reached: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    await OriginGuard(app, 80)(scope, receive, send)
    assert bool(reached) is passes
    assert (sent == []) is passes


SECRET = "s3cret-s3cret-s3cret"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "//", "/favicon.png", "/manifest.json", "/assets/FontManifest.json", "/ws", "/docs"),
        *(
            "/openapi.json",
            "/redoc",
            f"/{SECRET}x/",
            f"/x/{SECRET}/",
            f"//{SECRET}/",
            f"/{SECRET[:-1]}/",
            SECRET,
        ),
        *(f"/{SECRET}/docs", f"/{SECRET}/docs/oauth2-redirect", f"/{SECRET}/openapi.json"),
        *(f"/{SECRET}/redoc", f"/{SECRET}/oauth_callback", f"/{SECRET}/upload", "/\u00e9"),
    ],
)
async def test_nothing_answers_outside_the_secret_path(path: str) -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        pytest.fail("it was handed on")

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    for scope, kind in (
        ({"type": "http"}, "http.response"),
        ({"type": "websocket", "extensions": {"websocket.http.response": {}}}, "websocket.http.response"),
    ):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        await SecretPath(app, SECRET)({**scope, "path": path, "headers": []}, receive, send)
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
        assert sent == [
            {"type": f"{kind}.start", "status": 404, "headers": headers},
            {"type": f"{kind}.body", "body": b"not found"},
        ]


@pytest.mark.parametrize("path", [f"/{SECRET}", f"/{SECRET}/", f"/{SECRET}/ws", f"/{SECRET}/assets/a.ttf"])
async def test_below_the_secret_path_the_console_answers(path: str) -> None:
    reached: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["path"])

    async def nothing(*_: Any) -> Any:
        pytest.fail("it was refused")

    await SecretPath(app, SECRET)({"type": "http", "path": path, "headers": []}, nothing, nothing)
    assert reached == [path]


async def test_the_browser_is_given_a_private_file_and_never_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("app.console.browser_page.webbrowser.open", lambda url: opened.append(url) or True)
    left = tmp_path / "state" / "open-1.html"
    left.parent.mkdir(mode=0o755)
    left.touch()
    address = f"http://127.0.0.1:1/{SECRET}/"
    page = BrowserPage(left.parent)
    await page.open(address)
    (file,) = left.parent.iterdir()
    assert opened == [file.as_uri()] and SECRET not in opened[0]
    assert address in file.read_text()
    assert (file.stat().st_mode & 0o777, left.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    page.remove()
    assert not file.exists()


async def test_what_is_answered_says_that_it_is_only_for_us() -> None:
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        kept, gone = (b"content-type", b"text/html"), [(name, b"x") for name in NOT_SENT]
        await send({"type": "http.response.start", "status": 200, "headers": [kept, *gone]})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"host", b"127.0.0.1:80")]}
    await OriginGuard(app, 80)(scope, receive, send)
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"] == b"text/html"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers.keys().isdisjoint(NOT_SENT)
