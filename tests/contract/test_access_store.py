"""Places that keep a console's access: the keyring of the system and a file, by the same rules."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from app.bridge import access as access_module
from app.bridge.access import (
    NONE,
    SERVICE,
    Access,
    AccessNotKept,
    AccessStore,
    FileStore,
    KeptAccess,
    KeyringStore,
    find_stores,
)
from app.wire.tls import PREFIX

KEY = PREFIX + "A" * 43
HERE, THERE = "backup.example.org:1256", "other.example.org:1256"


class MemoryKeyring(KeyringBackend):
    """A keyring that lasts as long as the test."""

    priority = 5  # type: ignore[assignment]
    name = "Memory"  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("there is none")


class LockedKeyring(MemoryKeyring):
    """A keyring that its user does not unlock."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("nobody unlocked it")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("nobody unlocked it")


Spoil = Callable[[str], None]


@pytest.fixture(params=["keyring", "file"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[AccessStore, Spoil]:
    """Return a store, and what puts another text where it keeps that of a server."""
    if request.param == "file":
        file = tmp_path / "state" / "access.json"

        def spoil(text: str) -> None:
            file.write_text(json.dumps({HERE: text}))

        return FileStore(file), spoil
    backend = MemoryKeyring()
    return KeyringStore(backend), lambda text: backend.set_password(SERVICE, HERE, text)


def test_what_is_kept_is_found_by_its_server_alone(kept: tuple[AccessStore, Spoil]) -> None:
    store, _ = kept
    assert store.read(HERE) is None
    store.write(HERE, Access(token="tw_1", fingerprint=KEY))
    assert store.read(HERE) == Access(token="tw_1", fingerprint=KEY)
    assert store.read(THERE) is None
    store.write(HERE, Access(token="tw_2"))
    store.write(THERE, Access(fingerprint=KEY))
    assert (store.read(HERE), store.read(THERE)) == (Access(token="tw_2"), Access(fingerprint=KEY))
    store.remove(HERE)
    store.remove(HERE)
    assert (store.read(HERE), store.read(THERE)) == (None, Access(fingerprint=KEY))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"token": 1}', '{"fingerprint": "sha256:x"}', '{"token": []}']
)
def test_what_somebody_else_wrote_there_counts_as_nothing(kept: tuple[AccessStore, Spoil], text: str) -> None:
    store, spoil = kept
    store.write(HERE, Access(token="tw_1"))
    spoil(text)
    assert store.read(HERE) is None


def test_a_token_with_a_line_break_is_none(kept: tuple[AccessStore, Spoil]) -> None:
    store, spoil = kept
    store.write(HERE, Access(token="tw_1"))
    spoil(json.dumps({"token": "tw_1\r\nX: y", "fingerprint": KEY}))
    assert store.read(HERE) == Access(fingerprint=KEY)


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "access.json"
    FileStore(file).write(HERE, Access(token="tw_1"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_text("not JSON")
    assert FileStore(file).read(HERE) is None


def test_a_place_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(AccessNotKept, match="Not a directory"):
        FileStore(tmp_path / "state" / "access.json").write(HERE, NONE)
    with pytest.raises(AccessNotKept, match="nobody unlocked it"):
        KeyringStore(LockedKeyring()).read(HERE)


async def test_it_is_kept_at_the_best_place_that_takes_it_and_nowhere_else(tmp_path: Path) -> None:
    keyring, file = KeyringStore(MemoryKeyring()), FileStore(tmp_path / "access.json")
    locked = KeyringStore(LockedKeyring())
    first = KeptAccess(HERE, [locked, file])
    await first.load()
    assert (first.current, first.place) == (NONE, "")
    first.use(Access(token="tw_1"))
    await first.keep()
    assert "access.json" in first.place

    second = KeptAccess(HERE, [keyring, file])
    await second.load()
    assert second.current == Access(token="tw_1")
    second.use(Access(token="tw_2"))
    await second.keep()
    assert second.place == "the system's keyring (Memory)"
    assert (keyring.read(HERE), file.read(HERE)) == (Access(token="tw_2"), None)
    await second.forget()
    assert (keyring.read(HERE), second.place) == (None, "")


async def test_where_no_place_takes_it_it_is_used_all_the_same() -> None:
    access = KeptAccess(HERE, [KeyringStore(LockedKeyring())])
    access.use(Access(token="tw_1"))
    await access.keep()
    assert (access.current, access.place) == (Access(token="tw_1"), "")


async def test_a_place_that_cannot_forget_keeps_no_other_from_it(tmp_path: Path) -> None:
    file = FileStore(tmp_path / "access.json")
    access = KeptAccess(HERE, [KeyringStore(LockedKeyring()), file])
    access.use(Access(token="tw_1"))
    await access.keep()
    with pytest.raises(AccessNotKept):
        await access.forget()
    assert file.read(HERE) is None


async def test_a_keyring_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    asked, over = threading.Event(), threading.Event()

    class Silent(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            asked.set()
            over.wait(30)
            return None

    monkeypatch.setattr(access_module, "KEYRING_S", 0.05)
    access = KeptAccess(HERE, [KeyringStore(Silent())])
    try:
        await access.load()
        assert asked.is_set() and access.current == NONE
    finally:
        over.set()


@pytest.mark.parametrize(("priority", "places"), [(5, 2), (0.5, 1), (0, 1), (-1, 1)])
def test_only_a_keyring_that_keeps_secrets_is_used(
    priority: float, places: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MemoryKeyring()
    monkeypatch.setattr(type(backend), "priority", priority)
    monkeypatch.setattr("keyring.get_keyring", lambda: backend)
    stores = find_stores(tmp_path)
    assert len(stores) == places
    assert isinstance(stores[-1], FileStore)


def test_a_token_is_in_no_representation() -> None:
    assert "secret" not in repr(Access(token="secret", fingerprint=KEY))
