"""Secrets never reach a log, and what is said becomes a record."""

import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.console.console_log import KEPT_LINES, ConsoleLog
from app.runtime.line_numbers import LineNumbers
from app.runtime.log_handler import LONGEST_FIELD, WAITING_LINES, LogTap, line_of
from app.runtime.logging import HIDDEN, clean, hide_secrets, set_up_logs
from streams.model.logs import LogLine
from streams.model.vocabulary import LogLevel, LogSource
from streams.ports.logs import Spoken

TOKEN = "tw_Yb3kZ0c5Qm-xx9fLwPq8TnVd2RsJ7uHgE4iA6oCNyK1"
CODE = "ABCDE-FGHJK-23456-PQRST"

log = structlog.stdlib.get_logger("app.test")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    set_up_logs(level="warning", stream=stream)
    yield stream
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [handler for handler in root.handlers if getattr(handler, "tidewatch", False)]:
        root.removeHandler(handler)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said_on(stream: io.StringIO, **options: Any) -> list[str]:
    """What is written of a warning and of a failure, both with secrets, and of a name that would colour."""
    try:
        set_up_logs(level="info", stream=stream, **options)
        log.info("run_finished", client="web-03", path="/a b", token=TOKEN, files=12)
        logging.getLogger("library").warning("careful with %s\nand\x1b[31m", TOKEN)
        try:
            raise ValueError(f"\x1b[2J {TOKEN}")
        except ValueError:
            log.exception("it_broke", name="\x1b]0;title\x07")
    finally:
        set_up_logs(stream=io.StringIO())
    assert TOKEN not in stream.getvalue()
    return stream.getvalue().splitlines()


@pytest.mark.usefixtures("written")
def test_a_terminal_gets_lines_that_can_be_read() -> None:
    stream = Terminal()
    said = said_on(stream)
    bare = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in said]
    assert "\x1b" not in "".join(bare), "only colours of our own"
    at = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    assert re.fullmatch(
        at + r"info      run finished {18}client=web-03  path='/a b'  token=\*\*\*  files=12  app\.test",
        bare[0],
    ), bare[0]
    assert re.fullmatch(at + r"warning   careful with \*\*\*\\nand\\x1b\[31m  library", bare[1]), bare[1]
    assert re.match(at + r"error     it broke {22}name=", bare[2])
    assert bare[3].startswith("Traceback")
    assert "ValueError: \\x1b[2J ***" in bare[-1]
    assert said != bare


@pytest.mark.usefixtures("written")
def test_no_colours_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(said_on(Terminal()))


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("stream", "form"), [(io.StringIO(), "auto"), (io.StringIO(), "json"), (Terminal(), "json")]
)
def test_a_pipe_gets_json_lines_and_so_does_who_asks_for_them(stream: io.StringIO, form: str) -> None:
    said = [json.loads(line) for line in said_on(stream, form=form)]
    assert [line["event"] for line in said][::2] == ["run_finished", "it_broke"]
    assert said[0]["token"] == HIDDEN


@pytest.mark.usefixtures("written")
def test_lines_for_people_can_be_asked_for_in_a_pipe() -> None:
    said = said_on(io.StringIO(), form="lines")
    assert "  info      run finished" in said[0] and "\x1b" not in "".join(said)


class Heard:
    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.lost = 0

    def __call__(self, lines: tuple[LogLine, ...], lost: int) -> None:
        self.lines += lines
        self.lost += lost


@pytest.mark.parametrize(
    "text",
    [
        f"took {TOKEN} from the file",
        f"GET http://h:1256/events?token={TOKEN}&x=1",
        f"Authorization: Bearer {TOKEN}",
        "Authorization: Basic dXNlcjpTRUNSRVQ=",
        '{"token": "SECRETSECRET", "name": "x"}',
        "{'password': b'SECRET'}",
        "password=SECRET",
        "api_key: SECRET",
        "https://user:SECRET@backup.example.org/x",
        "http://127.0.0.1:8550/SECRETSECRETSECRETSECRET/",
        f"enrol with {CODE} now",
    ],
)
def test_no_secret_stays_in_a_text(text: str) -> None:
    cleaned = clean(text)
    assert HIDDEN in cleaned
    for secret in (TOKEN, CODE, "SECRET", "dXNlcjpTRUNSRVQ"):
        assert secret not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "the token is missing, unknown or revoked",
        "run finished client=web-03 files=1204",
        "/srv/data/2024-01-02-03-04/a.txt",
        "sha256 0a1b2c3d",
        "http://127.0.0.1:1256/api/clients",
        "WEB-SERVER-NORTH-ALPHA",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert clean(text) == text


def test_fields_that_name_a_secret_are_hidden_at_any_depth() -> None:
    entry: dict[str, Any] = {
        "event": "x",
        "token": TOKEN,
        "set_up_token": "a",
        "token_id": 7,
        "token_file": "/srv/console.token",
        "code": CODE,
        "nested": {"headers": [{"Authorization": "abc"}], "client_secret": "s"},
        "error": ValueError(f"bad {TOKEN}"),
        "cookies": ("a",),
    }
    hidden = hide_secrets(None, "", entry)
    assert TOKEN not in str(hidden) and CODE not in str(hidden)
    assert hidden["nested"] == {"headers": [{"Authorization": HIDDEN}], "client_secret": HIDDEN}
    assert (hidden["token_id"], hidden["token_file"]) == (7, "/srv/console.token")
    assert hide_secrets(None, "", {"code": "disk_full"}) == {"code": "disk_full"}


async def test_what_is_said_becomes_a_record(written: io.StringIO) -> None:
    heard = Heard()
    with LogTap(LogSource.SERVER, heard).listening():
        with structlog.contextvars.bound_contextvars(client_id="c1", run=7, correlation_id="cor"):
            log.info("run_finished", client="web-03", seconds=0.25, nothing=None)
            logging.getLogger("library").warning("careful with %s", TOKEN)
        try:
            raise ValueError(TOKEN)
        except ValueError:
            log.exception("it_broke")
        logging.getLogger("app.catalogue.x").info("migrated")
        await asyncio.sleep(0)
    said, library, broke, database = heard.lines
    assert (said.message, said.level, said.source) == ("run finished", LogLevel.INFO, LogSource.SERVER)
    assert said.fields == {"client": "web-03", "seconds": "0.25", "run": "7"}
    assert (said.client_id, said.run_id, said.correlation_id) == ("c1", 7, "cor")
    assert (library.client_id, library.level) == ("c1", LogLevel.WARNING) and TOKEN not in library.message
    assert "ValueError" in broke.fields["exception"] and TOKEN not in str(broke)
    assert database.source is LogSource.DATABASE
    assert [line.id for line in heard.lines] == sorted({line.id for line in heard.lines})
    assert "run_finished" not in written.getvalue(), "the terminal is told only what goes wrong"
    assert "it_broke" in written.getvalue() and TOKEN not in written.getvalue()


async def test_lines_of_threads_arrive_on_the_loop_and_are_bounded(written: io.StringIO) -> None:
    heard = Heard()
    with LogTap(LogSource.SERVER, heard, leave_out=("app.fleet",)).listening():

        def work() -> None:
            for number in range(2000):
                log.info("counted", number=number)
            logging.getLogger("app.fleet.client").warning("not ours")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # the loop stands still meanwhile
        await asyncio.sleep(0)
    assert len(heard.lines) == WAITING_LINES
    assert heard.lost == 1000
    assert len({line.id for line in heard.lines}) == WAITING_LINES


async def test_the_console_keeps_its_newest_lines(written: io.StringIO) -> None:
    spoken: list[Spoken] = []
    with ConsoleLog().listening() as own:
        own.spoken.subscribe(spoken.append)
        for _ in range(3):
            for number in range(2000):
                log.info("counted", number=number)
            await asyncio.sleep(0)
        assert len(own.newest()) == KEPT_LINES
        assert own.newest()[-1].source is LogSource.CONSOLE
    assert sum(len(said.lines) for said in spoken) == 6000


def test_numbers_rise_when_the_clock_stands_still_or_goes_back() -> None:
    times = iter((5_000, 5_000, 9_000, 1_000, 20_000))
    given = LineNumbers(lambda: next(times))
    assert [given.next() for _ in range(5)] == [5, 6, 9, 10, 20]


def test_numbers_go_on_after_what_was_written_by_a_clock_that_was_ahead() -> None:
    given = LineNumbers(lambda: 5_000)
    given.go_on_after(70)
    assert [given.next(), given.next(90), given.next(80)] == [71, 90, 91]


def test_a_line_cannot_fill_the_disk() -> None:
    record = logging.LogRecord(
        "app.x", logging.INFO, "", 0, {"event": "x" * 100_000, "f": "y" * 100_000}, (), None
    )
    line = line_of(record, LogSource.SERVER, 1)
    assert len(line.message) < 3000 and len(line.fields["f"]) < LONGEST_FIELD + 5
