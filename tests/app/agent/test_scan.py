import errno
import os
import shutil
import socket
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.agent.file_system import FileSystem
from app.agent.folder_listing import FolderListing
from app.agent.folders import Folders, as_roots, look_at_roots, real_folders
from app.agent.found import Step, facts_of
from app.agent.index import Index
from app.agent.left_out import NOTHING_LEFT_OUT, Exclusions
from app.agent.noted import noted
from app.agent.reading import FileReader
from app.agent.scan import Scanner
from app.agent.system.posix import PosixFileSystem
from streams.model.failures import ConfigRejected
from tests.app.agent.trees import make_odd_tree, write

PAST_NS = 10**18


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def checked_roots(paths: Sequence[bytes]) -> list[bytes]:
    """Return the PATHs of an agent; raise what is wrong with the first that cannot be backed up."""
    present, wrong = look_at_roots(as_roots(paths))
    for _, error in wrong:
        raise error
    return present


def scan(
    root: Path,
    index: Index,
    patterns: Sequence[str] = (),
    exclusions: Exclusions = NOTHING_LEFT_OUT,
    folders: Folders | None = None,
) -> Step:
    """Scan in as many steps as it takes and return all of them as one."""
    scanner = Scanner(checked_roots([os.fsencode(root)]), index, patterns, exclusions, folders=folders)
    whole = Step()
    while not whole.done:
        step = scanner.step()
        for name in ("found", "vanished", "failed", "skipped", "ignore_problems"):
            getattr(whole, name).extend(getattr(step, name))
        whole.files += step.files
        whole.bytes += step.bytes
        whole.unchanged += step.unchanged
        whole.done = step.done
    return whole


def settle(index: Index, step: Step) -> None:
    """Keep what was found as a backup of it would."""
    for f in step.found:
        row = noted(f, sha256="00" * 32 if stat.S_ISREG(f.mode) else None).row
        index.put([(*row[:5], f.inode, *row[6:])])


def names(root: Path, paths: Sequence[bytes]) -> list[str]:
    return sorted(os.fsdecode(os.path.relpath(path, os.fsencode(root))) for path in paths)


def found(root: Path, step: Step) -> list[str]:
    return names(root, [f.path for f in step.found])


def test_everything_is_new_once_and_unchanged_then(root: Path, index: Index) -> None:
    make_odd_tree(root)
    first = scan(root, index)
    everything = [os.path.join(d, n) for d, ds, fs in os.walk(os.fsencode(root)) for n in (*ds, *fs)]
    assert {f.path for f in first.found} == {*everything, os.fsencode(root)}
    assert not first.failed
    settle(index, first)
    second = scan(root, index)
    assert (second.found, second.vanished) == ([], [])
    assert second.files == second.unchanged == first.files
    assert second.bytes == first.bytes


def test_what_is_backed_up_keeps_its_access_times(root: Path, tmp_path: Path, index: Index) -> None:
    (root / "in").mkdir()
    kept, other = (root / "in" / "small", root / "large", root / "in", root), tmp_path / "other"
    for path in (*kept[:2], other):
        path.write_text("x")
    for path in (*kept, other):
        os.utime(path, ns=(PAST_NS, PAST_NS))
    other.read_text()
    if other.stat().st_atime_ns == PAST_NS:
        pytest.skip("this file system keeps no access times")
    by_path = {Path(os.fsdecode(f.path)): f for f in scan(root, index).found}
    assert FileReader().small(Folders(), by_path[kept[0]], 9, 0)
    assert FileReader().hash(Folders(), by_path[kept[1]])
    assert [path.stat().st_atime_ns for path in kept] == [PAST_NS] * 4


def test_links_are_told_and_never_followed(root: Path, index: Index) -> None:
    (root / "real").mkdir()
    (root / "real" / "file").write_text("x")
    (root / "link").symlink_to("real")
    (root / "loop").symlink_to(root)
    step = scan(root, index)
    assert found(root, step) == [".", "link", "loop", "real", "real/file"]
    assert {f.target for f in step.found if f.target} == {b"real", os.fsencode(root)}


def test_a_change_of_anything_is_found(root: Path, index: Index) -> None:
    for name in ("content", "same size", "mode", "time", "inode", "link"):
        write(os.fsencode(root / name), b"one", mtime_ns=PAST_NS)
    (root / "link").unlink()
    (root / "link").symlink_to("a")
    settle(index, scan(root, index))
    write(os.fsencode(root / "content"), b"other", mtime_ns=PAST_NS)
    write(os.fsencode(root / "same size"), b"two", mtime_ns=PAST_NS)
    (root / "mode").chmod(0o600)
    os.utime(root / "time", ns=(PAST_NS, PAST_NS + 1))
    write(os.fsencode(root / "fresh"), b"one", mtime_ns=PAST_NS)
    (root / "fresh").rename(root / "inode")
    (root / "link").unlink()
    (root / "link").symlink_to("b")
    assert found(root, scan(root, index)) == [".", "content", "inode", "link", "mode", "same size", "time"]


def test_what_is_gone_is_told_with_all_that_was_in_it(root: Path, index: Index) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "c").write_text("x")
    (root / "file").write_text("x")
    settle(index, scan(root, index))
    (root / "a" / "b" / "c").unlink()
    (root / "a" / "b").rmdir()
    (root / "a").rmdir()
    (root / "file").unlink()
    assert names(root, scan(root, index).vanished) == ["a", "a/b", "a/b/c", "file"]


def test_a_folder_that_became_a_file_takes_its_content_with_it(root: Path, index: Index) -> None:
    (root / "x").mkdir()
    (root / "x" / "y").write_text("y")
    settle(index, scan(root, index))
    (root / "x" / "y").unlink()
    (root / "x").rmdir()
    (root / "x").write_text("now a file")
    step = scan(root, index)
    assert names(root, step.vanished) == ["x/y"]
    assert found(root, step) == [".", "x"]


def test_patterns_leave_out_and_what_is_left_out_later_is_gone(root: Path, index: Index) -> None:
    for name in ("a.log", "keep.txt", "build/out", "sub/deep.log", "sub/.tidewatchignore", "sub/secret"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret\n!deep.log\n")
    settle(index, scan(root, index, ["build/"]))
    step = scan(root, index, ["build/", "*.log"])
    assert names(root, step.vanished) == ["a.log"]
    assert step.files == 3
    everything = scan(root, index)
    assert found(root, everything) == ["build", "build/out"]


def test_the_agents_own_folder_is_never_in(root: Path, index: Index) -> None:
    (root / "state").mkdir()
    (root / "state" / "identity.json").write_text("token")
    step = scan(root, index, exclusions=Exclusions(own_folders=(os.fsencode(root / "state"),)))
    assert found(root, step) == ["."]


def test_special_files_are_found_as_names(root: Path, index: Index) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        step = scan(root, index)
    assert not step.skipped
    assert found(root, step) == [".", "pipe", "socket"]


def as_nobody(act: Callable[[], str]) -> str:
    """Return what ``act`` gives in a child process without any rights."""
    read, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os.write(write_end, act().encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become somebody else")
def test_an_unreadable_folder_is_said_and_keeps_what_is_known_of_it(root: Path, tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:  # one folder more for each worker of a parallel run
            parent.chmod(0o755)
    state = tmp_path / "other-state"
    state.mkdir()
    (root / "closed").mkdir()
    (root / "closed" / "known").write_text("x")
    (root / "open").write_text("x")
    index = Index(state)
    settle(index, scan(root, index))
    index.close()
    for path in (state, *state.iterdir()):
        os.chown(path, 65534, 65534)
    (root / "closed").chmod(0o700)

    def look() -> str:
        step = scan(root, Index(state))
        return f"{step.failed} {step.vanished}"

    assert as_nobody(look) == f"[({os.fsencode(root / 'closed')!r}, 'Permission denied')] []"


def test_a_path_too_long_for_any_system_is_said(root: Path, index: Index) -> None:
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _ in range(20):
            os.mkdir("d" * 250)
            os.chdir("d" * 250)
    finally:
        os.fchdir(home)
        os.close(home)
    step = scan(root, index)
    assert [reason for _, reason in step.failed] == ["it is longer than 4,096 bytes"]


def test_roots_are_checked(root: Path, tmp_path: Path) -> None:
    (root / "in").mkdir()
    link = tmp_path / "link"
    link.symlink_to(root)
    raw = os.fsencode(root)
    assert checked_roots([raw, raw + b"/in", raw + b"/", raw + b"/in/.."]) == [raw]
    with pytest.raises(ConfigRejected, match="No such file"):
        checked_roots([raw + b"/missing"])
    with pytest.raises(ConfigRejected, match="is a link"):
        checked_roots([os.fsencode(link)])
    with pytest.raises(ConfigRejected, match="neither"):
        checked_roots([b"/dev/null"])


def test_a_folder_swapped_with_a_link_is_not_followed(
    root: Path, tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.agent.scan.STEP_NAMES", 1)
    (root / "outer" / "inner").mkdir(parents=True)
    (root / "outer" / "inner" / "file").write_text("ours")
    (tmp_path / "secret" / "inner").mkdir(parents=True)
    (tmp_path / "secret" / "inner" / "stolen").write_text("secret")
    scanner = Scanner(checked_roots([os.fsencode(root)]), index)
    while (root / "outer") not in {Path(os.fsdecode(f.path)) for f in scanner.step().found}:
        pass
    (root / "outer").rename(root / "away")
    (root / "outer").symlink_to(tmp_path / "secret")
    rest = Step()
    while not rest.done:
        rest = scanner.step()
        assert b"stolen" not in {os.path.basename(f.path) for f in rest.found}
        if rest.failed:
            assert rest.failed == [(os.fsencode(root / "outer"), "it was replaced while it was looked at")]
            rest.failed.clear()
            break
    else:
        raise AssertionError("the swapped folder was not reported")
    scanner.close()


@pytest.mark.parametrize("which", [".", "inner", "inner/deep"])
def test_a_folder_that_is_there_and_is_not_found_when_it_is_opened_has_not_vanished(
    root: Path, index: Index, which: str
) -> None:
    # As a mount point that the automounter fills when it is opened, whose server is away.
    (root / "inner" / "deep").mkdir(parents=True)
    for folder in (root, root / "inner", root / "inner" / "deep"):
        (folder / "file").write_text("x")
    settle(index, scan(root, index))
    away = os.fsencode(root / which)

    class Away(PosixFileSystem):
        def open_folder(self, name: bytes, folder: int) -> int:
            if os.path.samestat(os.fstat(folder), os.stat(away)):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            return super().open_folder(name, folder)

    step = scan(root, index, folders=Folders(file_system=Away()))
    assert step.vanished == []
    assert [path for path, _ in step.failed] == [away]


def test_a_folder_that_is_deleted_while_it_is_looked_at_is_left_to_the_next_backup(
    root: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.agent.scan.STEP_NAMES", 1)
    (root / "outer" / "inner").mkdir(parents=True)
    settle(index, scan(root, index))
    scanner, steps = Scanner(checked_roots([os.fsencode(root)]), index), [Step()]
    while not steps[-1].done:
        steps.append(scanner.step())
        shutil.rmtree(root / "outer", ignore_errors=True)
    assert not any(step.failed or step.vanished for step in steps)
    assert names(root, scan(root, index).vanished) == ["outer", "outer/inner"]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_name_that_is_listed_and_not_found_has_vanished_only_where_it_is_not_listed_again(
    root: Path, index: Index, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    (root / "odd").write_text("x")
    (root / "plain").write_text("x")
    settle(index, scan(root, index))
    listing = os.scandir

    class Entry:
        name = "odd"

        def stat(self, **_: object) -> os.stat_result:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    class Listing:
        def __init__(self, folder: int) -> None:
            self._real = listing(folder)

        def __next__(self) -> object:
            entry = next(self._real)
            return Entry() if entry.name == "odd" else entry

        def __iter__(self) -> "Listing":
            return self

        def close(self) -> None:
            self._real.close()

    if deleted:
        unreadable = FolderListing.unreadable

        def deleting(self: FolderListing, file_system: FileSystem) -> set[bytes]:
            (root / "odd").unlink()
            return unreadable(self, file_system)

        monkeypatch.setattr(FolderListing, "unreadable", deleting)
    with monkeypatch.context() as here:
        here.setattr(os, "scandir", Listing)
        step = scan(root, index)
    assert names(root, step.vanished) == (["odd"] if deleted else [])
    assert names(root, [path for path, _ in step.failed]) == ([] if deleted else ["odd"])


def test_a_folder_that_was_kept_open_and_replaced_is_opened_anew(root: Path) -> None:
    (root / "a").mkdir()
    with Folders() as kept:
        kept.open(os.fsencode(root / "a"))
        (root / "a").rename(root / "b")
        (root / "a" / "new").mkdir(parents=True)
        os.close(kept.list(os.fsencode(root / "a" / "new")))


def test_few_folders_are_open_at_once_however_deep_it_goes(root: Path, index: Index) -> None:
    deep = root
    for _ in range(300):
        deep /= "d"
        deep.mkdir()
        (deep.parent / "e").mkdir()
    scanner = Scanner(checked_roots([os.fsencode(root)]), index)
    before = len(os.listdir("/proc/self/fd"))
    count, done = 0, False
    while not done:
        step = scanner.step()
        count, done = count + len(step.found), step.done
        assert len(os.listdir("/proc/self/fd")) <= before + 8
    assert count == 601


def test_a_large_folder_is_taken_in_parts(root: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.agent.scan.STEP_NAMES", 10)
    for number in range(95):
        (root / f"{number}").touch()
    settle(index, scan(root, index))
    for number in range(0, 95, 2):
        (root / f"{number}").unlink()
    (root / "new").touch()
    step = scan(root, index)
    assert found(root, step) == [".", "new"]
    assert names(root, step.vanished) == sorted(f"{number}" for number in range(0, 95, 2))


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "socket", "huge"])
def test_an_ignore_file_that_is_none_holds_nobody_up(root: Path, index: Index, kind: str) -> None:
    path = root / ".tidewatchignore"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(os.fspath(path))
        case _:
            path.write_bytes(b"*\n" * 100_000)
    (root / "file").write_text("x")
    step = scan(root, index)
    assert "file" in found(root, step)
    assert not step.failed
    assert len(step.ignore_problems) == (kind != "folder")


def test_an_ignore_file_that_is_not_text_is_obeyed(root: Path, index: Index) -> None:
    (root / ".tidewatchignore").write_bytes(b"\xff\xfe*\n\x00\x00\n")
    for name in (b"\xff\xfe1", b"2"):
        write(os.fsencode(root) + b"/" + name, b"x")
    assert found(root, scan(root, index)) == [".", ".tidewatchignore", "2"]


def test_a_link_above_a_path_is_followed_only_where_nobody_else_can_have_laid_it(
    root: Path, tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "in").mkdir()
    (root / "in" / "file").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(root)
    path = os.fsencode(link / "in")
    roots = checked_roots([path])
    assert roots == [path]
    scanner = Scanner(roots, index, folders=Folders(real_folders(roots)))
    assert [f.path for f in scanner.step().found] == [path, path + b"/file"]
    monkeypatch.setattr("app.agent.folders.own_user", lambda: 12345)
    monkeypatch.setattr("app.agent.folders.TRUSTED", 12346)
    with pytest.raises(ConfigRejected, match="which another user can change"):
        checked_roots([path])


def test_numbers_that_no_database_keeps_are_held_within_it(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    at = os.lstat(tmp_path / "f")
    far = os.stat_result([*at[:1], 2**64 - 5, *at[2:10]], {"st_mtime_ns": 2**70, "st_ctime_ns": -(2**70)})
    _, _, mtime_ns, inode, ctime_ns = facts_of(far)
    assert mtime_ns == -ctime_ns == 2**63 - 1
    assert 0 <= inode < 2**63
