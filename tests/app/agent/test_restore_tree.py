import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import psutil
import pytest

from app.agent.file_system import Target
from app.agent.portable_names import alternatives
from app.agent.restore_plan import Item
from app.agent.restore_tree import TargetTree
from app.agent.system.posix import PosixFileSystem
from app.agent.target_file import InTheWay
from streams.model.attributes import Attributes
from streams.model.failures import ConfigRejected
from streams.model.vocabulary import EntryKind


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TargetTree]:
    opened = TargetTree(tmp_path / "to")
    yield opened
    opened.close()


def item(
    parts: tuple[bytes, ...],
    kind: EntryKind = EntryKind.FILE,
    *,
    data: bytes = b"",
    mode: int = 0o644,
    mtime_ns: int = 0,
    target: bytes | None = None,
) -> Item:
    sha256 = hashlib.sha256(data).hexdigest() if kind is EntryKind.FILE else None
    return Item(parts, b"/" + b"/".join(parts), kind, 1, len(data), mtime_ns, mode, sha256, target)


def put(tree: TargetTree, parts: tuple[bytes, ...], data: bytes = b"x", *, overwrite: bool = False) -> None:
    file = tree.new_file(parts, overwrite=overwrite)
    try:
        file.write(data)
        file.keep(item(parts, data=data, mode=0o640, mtime_ns=10**18), overwrite=overwrite)
    finally:
        file.close()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_to_elsewhere_is_not_walked_through(tree: TargetTree, tmp_path: Path, overwrite: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "to" / "link").symlink_to(outside)
    if overwrite:
        put(tree, (b"link", b"file"), overwrite=True)
        assert (tmp_path / "to" / "link").is_symlink()
        assert tree.renamed == {(b"link",): b"link~2"}
        assert (tmp_path / "to" / "link~2" / "file").read_bytes() == b"x"
    else:
        with pytest.raises(InTheWay):
            put(tree, (b"link", b"file"))
    with pytest.raises((OSError, InTheWay)):
        tree.make_link(item((b"link", b"x", b"y", b".."), EntryKind.LINK, target=b"t"), overwrite=False)
    assert list(outside.iterdir()) == []


def test_a_link_of_the_same_name_is_replaced_and_not_followed(tree: TargetTree, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "to" / "name").symlink_to(victim)
    with pytest.raises(InTheWay):
        put(tree, (b"name",), b"new")
    put(tree, (b"name",), b"new", overwrite=True)
    assert victim.read_text() == "untouched"
    assert (tmp_path / "to" / "name").read_bytes() == b"new"
    assert os.listdir(tmp_path / "to") == ["name"]


def test_what_a_killed_restore_left_is_cleared_away(
    tree: TargetTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != 4242)
    folder = tmp_path / "to" / "a"
    folder.mkdir()
    kept = [".tidewatch-4243-1.part", ".tidewatch-x-1.part", ".tidewatch-1.part", "file.part"]
    for name in (".tidewatch-4242-7.part", f".tidewatch-{os.getpid()}-7.part", *kept):
        (folder / name).write_text("half")
    tree.clear_leftovers((b"a",))
    assert sorted(os.listdir(folder)) == sorted(kept)


def test_what_was_not_kept_leaves_nothing(tree: TargetTree, tmp_path: Path) -> None:
    file = tree.new_file((b"a", b"b"), overwrite=False)
    file.write(b"half")
    assert len(os.listdir(tmp_path / "to" / "a")) == 1
    file.close()
    assert os.listdir(tmp_path / "to" / "a") == []


def test_modes_and_times_are_kept_without_lending_rights(tree: TargetTree, tmp_path: Path) -> None:
    file = tree.new_file((b"f",), overwrite=False)
    file.keep(item((b"f",), mode=0o6755, mtime_ns=10**18 + 7), overwrite=False)
    file.close()
    at = (tmp_path / "to" / "f").stat()
    assert (stat.S_IMODE(at.st_mode), at.st_mtime_ns) == (0o755, 10**18 + 7)
    assert tree.make_folder((b"d",), overwrite=False)
    assert not tree.make_folder((b"d",), overwrite=False)
    tree.finish(item((b"d",), EntryKind.FOLDER, mode=0o1511, mtime_ns=5))
    at = (tmp_path / "to" / "d").stat()
    assert (stat.S_IMODE(at.st_mode), at.st_mtime_ns) == (0o1511, 5)


def test_what_stands_in_the_way(tree: TargetTree, tmp_path: Path) -> None:
    file, folder = EntryKind.FILE, EntryKind.FOLDER
    assert tree.is_empty()
    put(tree, (b"d", b"f"))
    assert not tree.is_empty()
    assert tree.stands_in_the_way(item((b"d", b"f"), file))
    assert tree.stands_in_the_way(item((b"d", b"f", b"below"), file))
    assert tree.stands_in_the_way(item((b"d", b"f"), folder))
    assert tree.stands_in_the_way(item((b"d",), file))
    assert not tree.stands_in_the_way(item((b"d",), folder))
    assert not tree.stands_in_the_way(item((b"d", b"other"), file))


def test_what_is_there_whole_is_known(tree: TargetTree, tmp_path: Path) -> None:
    put(tree, (b"d", b"f"), b"content")
    tree.make_link(item((b"l",), EntryKind.LINK, target=b"to"), overwrite=False)
    assert tree.present(item((b"d", b"f"), data=b"content"))
    assert not tree.present(item((b"d", b"f"), data=b"CONTENT"))
    assert not tree.present(item((b"d", b"f"), data=b"longer content"))
    assert not tree.present(item((b"d", b"g"), data=b"content"))
    assert tree.present(item((b"l",), EntryKind.LINK, target=b"to"))
    assert not tree.present(item((b"l",), EntryKind.LINK, target=b"elsewhere"))
    assert not tree.present(item((b"d",), data=b""))


def test_a_folder_and_a_file_in_each_others_place_are_both_kept(tree: TargetTree, tmp_path: Path) -> None:
    put(tree, (b"name", b"inner"))
    put(tree, (b"name",), b"file", overwrite=True)
    assert sorted(os.listdir(tmp_path / "to")) == ["name", "name~2"]
    assert (tmp_path / "to" / "name~2").read_bytes() == b"file"
    # Again, as the same restore would do it: it finds its own.
    put(tree, (b"name",), b"file", overwrite=True)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (b"a:b.txt", b"a_b.txt"),
        (b"end.", b"end_"),
        (b"end ", b"end_"),
        (b"con", b"_con"),
        (b"LPT1.log", b"_LPT1.log"),
        (b"tab\there", b"tab_here"),
        (b"\xff.bin", b"_.bin"),
        (b"plain.txt", b"plain~2.txt"),
        (b".profile", b".profile~2"),
        (b"n" * 255, b"n" * 120),
        ("\u00e9".encode() * 100 + b".jpeg", "\u00e9".encode() * 57 + b".jpeg"),
    ],
)
def test_other_names_are_near_and_fit_everywhere(name: bytes, other: bytes) -> None:
    names = list(islice(alternatives(name), 20))
    assert names[0] == other
    assert len(set(names)) == 20
    assert all(len(each) <= 125 for each in names)


class Disk(PosixFileSystem):
    """The names of an ext4 of ours as another file system would treat them."""

    def __init__(
        self,
        same: Callable[[bytes], bytes],
        bad: bytes = b"",
        *,
        lowers: bool = False,
        refusal: int = errno.EINVAL,
    ) -> None:
        self._same, self._bad, self._lowers, self._refusal = same, bad, lowers, refusal

    def _found(self, name: bytes, folder: int | None) -> bytes:
        if any(byte in self._bad for byte in name):
            raise OSError(self._refusal, os.strerror(self._refusal))
        for there in os.listdir(folder):
            if self._same(os.fsencode(there)) == self._same(name):
                return os.fsencode(there)
        return self._same(name) if self._lowers or self._same(name) == name.rstrip(b".") else name

    def stat(self, name: bytes, folder: int) -> os.stat_result:
        return super().stat(self._found(name, folder), folder)

    def open_folder(self, name: bytes, folder: int) -> int:
        return super().open_folder(self._found(name, folder), folder)

    def pass_through(self, name: bytes, folder: int | None) -> int:
        return super().pass_through(self._found(name, folder), folder)

    def open_file(self, name: bytes, folder: int) -> int:
        return super().open_file(self._found(name, folder), folder)

    def handle(self, name: bytes, folder: int) -> int:
        return super().handle(self._found(name, folder), folder)

    def create(self, name: bytes, folder: int) -> int:
        return super().create(self._found(name, folder), folder)

    def make_folder(self, name: bytes, folder: int, mode: int) -> None:
        super().make_folder(self._found(name, folder), folder, mode)

    def make_symlink(self, target: bytes, name: bytes, folder: int) -> None:
        super().make_symlink(target, self._found(name, folder), folder)

    def remove(self, name: bytes, folder: int) -> None:
        super().remove(self._found(name, folder), folder)

    def link(self, name: bytes, folder: int, new: bytes, new_folder: int) -> None:
        super().link(self._found(name, folder), folder, self._found(new, new_folder), new_folder)

    def rename(self, name: bytes, new: bytes, folder: int) -> None:
        super().rename(name, self._found(new, folder), folder)


def nfc(name: bytes) -> bytes:
    return unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )


@pytest.mark.parametrize(
    ("same", "bad", "names"),
    [
        (bytes.lower, b"", [b"README.txt", b"readme.txt", b"Readme.TXT"]),
        (nfc, b"", ["caf\u00e9".encode(), "cafe\u0301".encode()]),
        (lambda name: name.rstrip(b"."), b"", [b"end", b"end.", b"end..", b"x."]),
        (lambda name: name, b':?"', [b"a:b", b"a?b", b"a_b", b"fine"]),
    ],
)
def test_names_that_a_disk_takes_for_one_are_all_kept(
    tmp_path: Path, same: Callable[[bytes], bytes], bad: bytes, names: list[bytes]
) -> None:
    disk = Disk(same, bad)
    for order in (names, names[::-1]):
        tree = TargetTree(tmp_path / "to", file_system=disk)
        for name in order:
            put(tree, (b"d", name), name, overwrite=True)
        for name in order:
            tree.make_folder((b"e", name), overwrite=True)
            put(tree, (b"e", name, b"inner"), name, overwrite=True)
        tree.close()
        # Each content is there, also after a second restore in another order.
        found = {path.read_bytes() for path in (tmp_path / "to" / "d").iterdir()}
        inner = {path.read_bytes() for path in (tmp_path / "to" / "e").glob("*/inner")}
        assert found == inner == set(names)


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOENT])
@pytest.mark.parametrize("overwrite", [False, True])
def test_names_that_a_disk_cannot_have_are_known_by_any_code_of_refusal(
    tmp_path: Path, refusal: int, overwrite: bool
) -> None:
    disk = Disk(bytes, b":?", refusal=refusal)
    for _ in range(2):
        tree = TargetTree(tmp_path / "to", file_system=disk)
        for name in (b"a:b", b"a?b", b"a_b"):
            if not tree.present(item((name,), data=name)):
                put(tree, (name,), name, overwrite=overwrite)
            tree.make_folder((b"d" + name,), overwrite=overwrite)
        tree.close()
        names = ["a_b", "a_b~2", "a_b~3", "da_b", "da_b~2", "da_b~3"]
        assert sorted(os.listdir(tmp_path / "to")) == names
        assert (tmp_path / "to" / "a_b~2").read_bytes() == b"a?b"


@pytest.mark.parametrize("lowers", [False, True])
def test_a_restore_that_goes_on_gives_no_further_names(tmp_path: Path, lowers: bool) -> None:
    names = [b"README", b"Readme", b"a:b", b"a_b", b"readme"]
    folders = [item((name,), EntryKind.FOLDER) for name in names]
    files = [
        msgspec.structs.replace(item((name, name), data=name), attributes=Attributes(hard_link=n))
        for n, name in enumerate(names)
    ]
    others = [msgspec.structs.replace(file, parts=(file.parts[0], b"Other")) for file in files]
    disk = Disk(bytes.lower, b":", lowers=lowers)
    listings: list[list[str]] = []
    renamed: list[dict[tuple[bytes, ...], bytes]] = []
    for _ in range(3):
        tree = TargetTree(tmp_path / "to", file_system=disk)
        tree.begin("origin")
        there = [tree.present(each) for each in (*folders, *files, *others)]
        for folder in folders:
            tree.make_folder(folder.parts, overwrite=False)
        for file, other in zip(files, others, strict=True):
            if not tree.present(file):
                new = tree.new_file(file.parts, overwrite=False)
                new.write(file.parts[0])
                new.keep(file, overwrite=False)
                new.close()
            assert tree.make_hard_link(file, other, overwrite=tree.present(other))
        tree.end()
        tree.close()
        listings.append(sorted(str(path) for path in (tmp_path / "to").rglob("*")))
        renamed.append(dict(tree.renamed))
    assert all(there)
    assert listings[0] == listings[1] == listings[2]
    assert renamed[0] == renamed[1] == renamed[2]


class HalfMade(PosixFileSystem):
    """A disk that refuses a pipe and leaves a file for it."""

    def make_special(self, name: bytes, folder: int, mode: int, device: int) -> None:
        os.close(self.create(name, folder))
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_a_disk_has_half_made_is_removed(tmp_path: Path) -> None:
    tree = TargetTree(tmp_path / "to", file_system=HalfMade())
    with pytest.raises(OSError, match="Input/output"):
        tree.make_special(item((b"p",), EntryKind.SPECIAL, mode=stat.S_IFIFO | 0o600), overwrite=False)
    tree.close()
    assert os.listdir(tmp_path / "to") == []


@pytest.mark.parametrize("lowers", [False, True])
def test_what_was_given_other_names_is_found_again(tmp_path: Path, lowers: bool) -> None:
    names = [b"README", b"Readme", b"a:b", b"a_b", b"readme"]
    items = [item((name,), EntryKind.FOLDER) for name in names]
    items += [item((name, b"x"), data=name) for name in names]
    disk = Disk(bytes.lower, b":", lowers=lowers)
    for order in (items, items, [*items[4::-1], *items[:4:-1]]):
        tree = TargetTree(tmp_path / "to", file_system=disk)
        tree.begin("origin")
        if order is items and list((tmp_path / "to").glob("*/x")):
            assert all(tree.present(each) for each in items)
        for each in order[:5]:
            tree.make_folder(each.parts, overwrite=True)
        for each in order[5:]:
            put(tree, each.parts, each.parts[0], overwrite=True)
        tree.end()
        tree.close()
        found = [path.read_bytes() for path in (tmp_path / "to").glob("*/x")]
        assert set(found) == set(names)


class Refusing(PosixFileSystem):
    """A disk that has no modes, owners or times."""

    def __init__(self, number: int) -> None:
        self._number = number

    def _refuse(self, *_: object) -> None:
        raise OSError(self._number, os.strerror(self._number))

    set_mode = set_owner = set_time = set_time_of = _refuse


def test_what_cannot_be_set_costs_no_content(tmp_path: Path) -> None:
    tree = TargetTree(tmp_path / "to", file_system=Refusing(errno.EPERM))
    put(tree, (b"f",), b"content")
    tree.make_link(item((b"l",), EntryKind.LINK, target=b"to"), overwrite=False)
    tree.make_folder((b"d",), overwrite=False)
    tree.finish(item((b"d",), EntryKind.FOLDER))
    tree.close()
    assert (tmp_path / "to" / "f").read_bytes() == b"content"
    assert tree.attributes.unset == {"mode": 2, "time": 3}


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_that_knows_no_modes_takes_a_restore(tmp_path: Path, number: int) -> None:
    (tmp_path / "to" / "d").mkdir(parents=True)
    (tmp_path / "to" / "d").chmod(0o500)
    for folder in ("to", "new"):
        opened = TargetTree(tmp_path / folder, file_system=Refusing(number))
        assert not opened.begin("from /a of c")
        put(opened, (b"d", b"f"))
        opened.end()
        opened.put_modes_back()
        opened.close()
        assert (tmp_path / folder / "d" / "f").read_bytes() == b"x"


class WithoutHandles(PosixFileSystem):
    """A system that opens only what may be read, and knows no extended attributes: macOS, say."""

    holds_unreadable = False

    def by_handle(self, handle: int) -> int:
        return handle

    def handle(self, name: bytes, folder: int) -> int:
        return self.open_file(name, folder)

    def pass_through(self, name: bytes, folder: int | None) -> int:
        return self.open_folder(name, folder or 0)

    def xattr(self, *_: object) -> bytes:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    set_xattr = remove_xattr = xattr


def test_a_system_without_handles_takes_a_restore(tmp_path: Path) -> None:
    tree = TargetTree(tmp_path / "to", file_system=WithoutHandles())
    tree.make_folder((b"d",), overwrite=False)
    put(tree, (b"d", b"f"), b"content")
    tree.make_link(item((b"l",), EntryKind.LINK, target=b"to", mtime_ns=10**18), overwrite=False)
    tree.finish(item((b"d",), EntryKind.FOLDER, mode=0o750, mtime_ns=10**18))
    tree.close()
    to = tmp_path / "to"
    assert (to / "d" / "f").read_bytes() == b"content"
    assert (stat.S_IMODE((to / "d").stat().st_mode), (to / "d").stat().st_mtime) == (0o750, 1e9)
    assert (os.readlink(to / "l"), (to / "l").lstat().st_mtime) == ("to", 1e9)
    assert tree.attributes.unset == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("uid", [12345, 2**32 - 1])
def test_owners_and_modes_that_a_disk_takes_and_does_not_keep_are_told(tmp_path: Path, uid: int) -> None:
    class Forgetful(PosixFileSystem):
        def set_mode(self, *_: object) -> None:
            pass

        def set_owner(self, target: Target, uid: int, gid: int) -> None:
            if uid != 12345:  # the other one means to the system that the owner stays
                super().set_owner(target, uid, gid)

    tree = TargetTree(tmp_path / "to", file_system=Forgetful())
    wanted = msgspec.structs.replace(
        item((b"f",), data=b"x", mode=0o4755), attributes=Attributes(uid=uid, gid=0)
    )
    file = tree.new_file((b"f",), overwrite=False)
    file.write(b"x")
    file.keep(wanted, overwrite=False)
    file.close()
    assert tree.attributes.unset == {"owner": 1, "mode": 1}
    tree.close()
    assert tree.attributes.stripped_bits == 1, "it would be lent to whoever the owner is there"


def test_a_restore_that_was_cut_is_known_by_its_note(tree: TargetTree, tmp_path: Path) -> None:
    assert not tree.begin("from /a of c")
    assert "from /a of c" in (tmp_path / "to" / ".tidewatch-RESTORING").read_text()
    tree.note([(), (b"a", b"b\n")])
    assert not tree.begin("from /b of c")
    assert not tree.is_own((b"a", b"b\n"))
    tree.abandon()
    assert tree.begin("from /a of c")
    assert [tree.is_own(parts) for parts in ((), (b"a",), (b"a", b"b\n"))] == [True, False, True]
    tree.end()
    assert os.listdir(tmp_path / "to") == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigRejected, match="--to"):
        TargetTree(tmp_path / "file" / "to")
