"""Preferences: the same promises for those of a session and those of a file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.console.prefs import FilePrefs
from app.runtime.tasks import Tasks
from ui.base.context import Prefs, SessionPrefs


@pytest.fixture(params=["session", "file"])
async def prefs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Prefs]:
    if request.param == "session":
        yield SessionPrefs()
        return
    tasks = Tasks()
    kept = FilePrefs(tmp_path / "console.json", tasks)
    await kept.load()
    yield kept
    await kept.flush()
    await tasks.close()


async def test_what_was_never_kept_is_the_default(prefs: Prefs) -> None:
    assert prefs.get("theme") is None
    assert prefs.get("theme", "system") == "system"


@pytest.mark.parametrize("value", ["dark", 0, False, "", [], {"columns": ["name", 1.5, None]}, None])
async def test_what_was_kept_comes_back_at_once(prefs: Prefs, value: object) -> None:
    prefs.put("key", value)
    assert prefs.get("key", "default") == value


async def test_the_last_one_counts_and_keys_know_nothing_of_each_other(prefs: Prefs) -> None:
    prefs.put("clients.sort", "name")
    prefs.put("clients.sort", "age")
    prefs.put("files.sort", "path")
    assert (prefs.get("clients.sort"), prefs.get("files.sort")) == ("age", "path")
