"""The access that a person gave this console to a server: token and server key, kept between starts.

Kept in the system's keyring where there is one that works, else in a file of this user alone; under the name
of the server, so that a token is never sent to another one.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog

from app.config import ConnectionSettings
from app.runtime.private_folder import make_private, write_private
from app.runtime.user_folders import prefs_file
from app.wire.tls import parse_fingerprint
from streams.model.failures import TidewatchError
from streams.model.safe_text import terminal_text

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

SERVICE: Final = "tidewatch"
FILE_NAME: Final = "access.json"
KEYRING_S: Final = 30.0
"""How long the keyring may take: it may ask its user to unlock it."""


class AccessNotKept(TidewatchError):
    """Neither keyring nor file could be read or written."""

    code = "access_not_kept"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What lets the console in; either may be empty."""

    token: str = ""
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"Access(token={'***' if self.token else ''!r}, fingerprint={self.fingerprint!r})"


NONE: Final = Access()


class AccessStore(Protocol):
    """Keeps access by server (``host:port``); its calls block, and raise ``AccessNotKept``."""

    @property
    def place(self) -> str:
        """Where it is kept, in words for a person."""
        ...

    def read(self, server: str) -> Access | None:
        """Return what is kept; None where nothing is, or nothing that can be understood."""
        ...

    def write(self, server: str, access: Access) -> None:
        """Keep it in place of what was kept."""
        ...

    def remove(self, server: str) -> None:
        """Keep nothing any more."""
        ...


class KeyringStore:
    """The keyring of the system, through the library of that name."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    @property
    def place(self) -> str:
        """The keyring, and the name that its library gives it."""
        return f"the system's keyring ({self._backend.name})"

    def read(self, server: str) -> Access | None:
        """Return what the keyring has for the server."""
        return _decoded(self._ask(lambda: self._backend.get_password(SERVICE, server)))

    def write(self, server: str, access: Access) -> None:
        """Have the keyring keep it."""
        text = msgspec.json.encode(access).decode()
        self._ask(lambda: self._backend.set_password(SERVICE, server, text))

    def remove(self, server: str) -> None:
        """Have the keyring forget it; what it does not have needs no removal."""
        if self._ask(lambda: self._backend.get_password(SERVICE, server)) is not None:
            self._ask(lambda: self._backend.delete_password(SERVICE, server))

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except Exception as error:  # a backend is somebody else's program, and may raise anything
            raise AccessNotKept(f"{self.place}: {error or type(error).__name__}.") from error


class FileStore:
    """A file of this user alone, with the access of all servers."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def place(self) -> str:
        """The file, and who can read it."""
        return f"{self._file}, which only this user can read"

    def read(self, server: str) -> Access | None:
        """Return what the file has for the server."""
        return _decoded(self._all().get(server))

    def write(self, server: str, access: Access) -> None:
        """Write the file anew."""
        self._write(self._all() | {server: msgspec.json.encode(access).decode()})

    def remove(self, server: str) -> None:
        """Write the file anew without it."""
        kept = self._all()
        if kept.pop(server, None) is not None:
            self._write(kept)

    def _all(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        except OSError as error:
            raise AccessNotKept(f"{self._file}: cannot be read: {error.strerror}.") from error
        return kept if isinstance(kept, dict) else {}

    def _write(self, kept: dict[str, Any]) -> None:
        try:
            make_private(self._file.parent, files=("*.json*", "*.html"), folders=("agent",))
            write_private(self._file, json.dumps(kept, indent=1, sort_keys=True).encode())
        except OSError as error:
            raise AccessNotKept(f"{self._file}: cannot be written: {error.strerror}.") from error


def _decoded(text: object) -> Access | None:
    """Return access as it was written; what somebody else has changed since counts as none."""
    if not isinstance(text, str):
        return None
    try:
        access = msgspec.json.decode(text, type=Access)
        fingerprint = parse_fingerprint(access.fingerprint) if access.fingerprint else ""
    except ValueError:
        return None
    token = access.token if access.token.isascii() and access.token.isprintable() else ""
    return Access(token=token, fingerprint=fingerprint)


def find_stores(folder: Path | None = None) -> list[AccessStore]:
    """Return where access is kept on this machine, the best place first; blocks while it looks."""
    file = FileStore((folder or prefs_file().parent) / FILE_NAME)
    try:
        import keyring  # beside the loop: it looks for all the keyrings that there may be

        backend: Any = keyring.get_keyring()
        # One that is not recommended keeps nothing, or keeps it in the clear in a file of its own.
        works = backend.priority >= 1
    except Exception as error:  # noqa: BLE001  (a backend is somebody else's program, and may raise anything)
        log.info("no_keyring", reason=terminal_text(str(error)))
        works, backend = False, None
    return [KeyringStore(backend), file] if works else [file]


class KeptAccess:
    """The access to one server: read from where it is kept once, and known from then on."""

    def __init__(self, server: str, stores: Sequence[AccessStore] = ()) -> None:
        self._server, self._stores = server, tuple(stores)
        self._access, self._place = NONE, ""

    @property
    def server(self) -> str:
        """Host and port."""
        return self._server

    @property
    def current(self) -> Access:
        """What lets the console in as far as a person gave it."""
        return self._access

    @property
    def place(self) -> str:
        """Where it is kept, in words; empty where nothing is."""
        return self._place

    @property
    def best_place(self) -> str:
        """Where it would be kept, in words."""
        return self._stores[0].place if self._stores else "no place: the next start asks again"

    async def load(self) -> None:
        """Read what is kept; a place that cannot be read is one that has nothing."""
        for store in self._stores:
            try:
                found = await _in_time(store.place, store.read, self._server)
            except AccessNotKept as error:
                log.warning("access_not_read", reason=error.line())
                continue
            if found is not None:
                self._access, self._place = found, store.place
                return

    def use(self, access: Access) -> None:
        """Have it let the console in from now on, kept or not."""
        self._access = access

    async def keep(self) -> None:
        """Keep what lets the console in at the best place that takes it, and nowhere else.

        Where no place takes it that is logged, ``place`` is empty, and it is used until the console ends.
        """
        self._place = ""
        for store in self._stores:
            try:
                await _in_time(store.place, store.write, self._server, self._access)
            except AccessNotKept as error:
                log.warning("access_not_kept", reason=error.line())
                continue
            self._place = store.place
            await self._remove_elsewhere(store)
            return

    async def forget(self) -> None:
        """Keep nothing any more, anywhere; what is in use stays so until the console ends.

        Raises ``AccessNotKept`` where a place cannot be asked, once all others have forgotten it.
        """
        failed: AccessNotKept | None = None
        for store in self._stores:
            try:
                await _in_time(store.place, store.remove, self._server)
            except AccessNotKept as error:
                failed = error
        if failed is not None:
            raise failed
        self._place = ""

    async def _remove_elsewhere(self, kept_in: AccessStore) -> None:
        for store in self._stores:
            if store is not kept_in:
                try:
                    await _in_time(store.place, store.remove, self._server)
                except AccessNotKept as error:
                    # What may be left there is asked about once the server refuses it.
                    log.info("access_not_removed", reason=error.line())


async def _in_time(place: str, call: Callable[..., T], *words: Any) -> T:
    """Have a store do something beside the loop, for a limited time."""
    try:
        async with asyncio.timeout(KEYRING_S):
            return await asyncio.to_thread(call, *words)
    except TimeoutError:
        raise AccessNotKept(f"{place}: no answer within {KEYRING_S:g} s.") from None


async def kept_access(connection: ConnectionSettings) -> KeptAccess:
    """Return what a person gave for the server of these settings, read from where it is kept."""
    stores = [] if connection.mock_mode else await asyncio.to_thread(find_stores)
    access = KeptAccess(f"{connection.host}:{connection.port}", stores)
    await access.load()
    return access
