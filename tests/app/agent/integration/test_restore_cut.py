"""Restores that are killed at any step, and what was there before them, through the command."""

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.agent.restore_plan import Parts
from app.agent.restore_tree import TargetTree
from app.agent.system.process import is_held
from app.agent.target_file import NewFile
from streams.model.vocabulary import EntryKind
from tests.app.agent.integration.test_attribute_round_trip import facts, first, make
from tests.app.agent.integration.test_restore import a_false_server, folder, from_false, version
from tests.app.agent.machines import Server, a_server, restore

ROOT = Path(__file__).parents[4]
WITHOUT_RIGHTS = """
import ctypes, sys
from app.__main__ import main
version_3, no_rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(version_3, no_rights) == 0
sys.argv = ["tidewatch", *sys.argv[1:]]
main()
"""
KILLED = """
import os, signal, sys
from app.__main__ import main
word, times, after = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "after"
real, left = getattr(os, word), times
def call(*args, **more):
    global left
    left -= 1
    if not left and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*args, **more)
    if not left and after:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
setattr(os, word, call)
sys.argv = ["tidewatch", *sys.argv[4:]]
main()
"""


def command(server: Server, to: Path) -> list[str]:
    token = ["--token-file", str(server.info.token_file)]
    return ["restore", "laptop", "--server", server.url, *token, "--to", str(to)]


async def in_process(code: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *words, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.mark.parametrize(
    ("word", "times", "when"),
    [
        ("mkdir", 2, "after"),
        ("symlink", 1, "after"),
        ("mknod", 2, "after"),
        ("link", 1, "after"),
        ("link", 3, "before"),
        ("link", 4, "after"),
        ("rename", 2, "before"),
        ("chmod", 3, "after"),
        ("unlink", 1, "before"),
    ],
)
async def test_a_restore_that_was_killed_anywhere_goes_on_to_the_same_tree(
    tmp_path: Path, word: str, times: int, when: str
) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    make(source)
    (source / "closed").mkdir()
    (source / "closed" / "inner").write_text("inner")
    (source / "closed").chmod(0o555)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        killed = await in_process(KILLED, word, str(times), when, *command(server, to))
        assert killed.returncode == -signal.SIGKILL, killed
        assert await restore(*command(server, to)[1:]) == 0
    assert facts(to) == facts(source)


async def test_folders_of_somebody_keep_their_modes_when_a_cut_restore_goes_on(tmp_path: Path) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    for name in ("theirs", "ours"):
        (source / name).mkdir(parents=True)
        (source / name / "file").write_text(name)
        (source / name).chmod(0o755)
    (to / "theirs").mkdir(parents=True)
    (to / "theirs").chmod(0o710)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        killed = await in_process(KILLED, "link", "1", "after", *command(server, to))
        assert killed.returncode == -signal.SIGKILL
        assert await restore(*command(server, to)[1:]) == 0
    modes = {name: stat.S_IMODE((to / name).stat().st_mode) for name in ("theirs", "ours")}
    assert modes == {"theirs": 0o710, "ours": 0o755}
    assert sorted(os.listdir(to)) == ["ours", "theirs"]


@pytest.mark.parametrize("mode", [0o555, 0o311, 0])
async def test_a_cut_restore_goes_on_in_a_root_without_permissions(tmp_path: Path, mode: int) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    (source / "a").write_text("a")
    (source / "b").write_text("b")
    source.chmod(mode)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        words = command(server, to)
        assert (await in_process(WITHOUT_RIGHTS, *words)).returncode == 0
        # As a full disk leaves it: a file is missing, the root has its mode already.
        (to / "a").unlink()
        note = "Restored from {} of laptop\nThis restore has not ended: the same command goes on with it.\n/"
        (to / ".tidewatch-RESTORING").write_text(note.format(source))
        again = await in_process(WITHOUT_RIGHTS, *words)
    assert again.returncode == 0, again
    assert stat.S_IMODE(to.stat().st_mode) == mode
    to.chmod(0o700)
    assert sorted(os.listdir(to)) == ["a", "b"]


@pytest.mark.parametrize("whole", [True, False])
async def test_a_new_folder_is_closed_to_others_until_it_has_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """What was in a private folder is readable by its own mode at once."""
    to, modes = tmp_path / "in" / "to", list[int]()
    new_file = TargetTree.new_file

    def look(tree: TargetTree, parts: Parts, **more: object) -> NewFile:
        modes.append(stat.S_IMODE(to.stat().st_mode))
        return new_file(tree, parts, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(TargetTree, "new_file", look)
    root = [version(b"/s", kind=EntryKind.FOLDER, sha256=None, mode=0o751)] if whole else []
    async with a_false_server([*root, version(b"/s/f", b"1", 1)], {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 0
    assert modes == [0o700]
    # Of a file alone it is as any new folder.
    (tmp_path / "plain").mkdir()
    at_the_end = 0o751 if whole else stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE(to.stat().st_mode) == at_the_end


async def test_two_restores_into_one_folder_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "to").mkdir(parents=True)
    held = os.open(tmp_path / "in" / "to", os.O_RDONLY)
    assert not is_held(held)
    async with a_false_server([version(b"/f", b"1", 1)], {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 2
        assert "another restore is writing there" in capsys.readouterr().err
        assert os.listdir(tmp_path / "in" / "to") == []
        os.close(held)
        assert await from_false(url, tmp_path) == 0


async def test_a_file_that_was_backed_up_under_the_name_of_a_leftover_comes_back(tmp_path: Path) -> None:
    name = b".tidewatch-999999999-1.part"
    entries = [folder(b"/s"), folder(b"/s/d"), version(b"/s/d/" + name, b"1", 1), version(b"/s/f", b"2", 2)]
    to = tmp_path / "in" / "to"
    async with a_false_server(entries, {1: b"1", 2: b"2"}) as url:
        for _ in range(2):
            assert await from_false(url, tmp_path) == 0
            assert os.listdir(to / "d") == [name.decode()]


@pytest.mark.parametrize("kind", ["link", "pipe", "further name", "folder"])
async def test_a_file_stays_where_nothing_can_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    if kind == "link":
        (source / "name").symlink_to("elsewhere")
    elif kind == "pipe":
        os.mkfifo(source / "name")
    elif kind == "folder":
        (source / "name").mkdir()
    else:
        (source / "first").write_text("content")
        os.link(source / "first", source / "name")
    (source / "other").write_text("other")
    to.mkdir()
    (to / "name").write_text("precious")

    def refuse(*_args: object, **_more: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        for word in ("symlink", "mknod", "mkdir", "link"):
            monkeypatch.setattr(os, word, refuse)
        assert await restore(*command(server, to)[1:], "--overwrite") == 1
    assert (to / "name").read_text() == "precious"
    assert (to / "other").read_text() == "other"
    assert not [name for name in os.listdir(to) if name.startswith(".tidewatch")]
    assert f"not restored: {source}/name: " in capsys.readouterr().err
