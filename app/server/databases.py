"""Databases that the server opens for consoles on other machines: read-only, in processes of their own.

Served are the files directly in the folder of the catalogue, those in the folders of its copies, and what
``server.databases`` names; nothing below the store. Each token has its own readers, so that the statement of
one does not wait behind another's; readers that nobody uses are closed.
"""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.database.answers import DatabaseAnswers
from app.database.watch import FileWatch
from app.server.catalogue_backup import FOLDER as COPIES_FOLDER
from app.server.limits import Limits
from app.server.problems import Refused
from streams.model.events import DatabaseFrame
from streams.model.failures import CommandFailed, QueryCancelled, TidewatchError
from streams.model.vocabulary import Topic

OWN_NAME = "this server"
MAX_READERS = 6
"""Sets of readers at once; a set has up to four processes."""
MAX_READERS_OF_TOKEN = 3
"""Of one token, so that it leaves some to the others: a set for each file it looks at."""
MAX_QUESTIONS = 24
"""Of one token at once; they wait for each other where they are of one kind."""
IDLE_S = 60.0
WATCH_S = 1.0
MAX_WATCHED = 16


@dataclass(eq=False, slots=True)
class _Readers:
    answers: DatabaseAnswers
    used_s: float
    questions: int = 0


@dataclass(eq=False, slots=True)
class _Watched:
    watch: FileWatch
    version: int = 0


@dataclass(eq=False, slots=True)
class _Asked:
    """A question that is being answered."""

    task: "asyncio.Task[object]"
    taken_back: bool = field(default=False)


class Databases:
    """Opens what may be served, answers from it, and tells consoles of its changes."""

    def __init__(
        self,
        catalogue: Path,
        limits: Limits,
        *,
        publish: Callable[[DatabaseFrame], None],
        listened: Callable[[Topic], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._limits = limits
        self._publish, self._listened, self._clock = publish, listened, clock
        self._readers: dict[tuple[int, Path], _Readers] = {}
        self._closing: set[DatabaseAnswers] = set()
        """Readers that are given up and whose processes may not have ended yet."""
        self._asked: dict[tuple[int, str], _Asked] = {}
        self._watched: OrderedDict[Path, _Watched] = OrderedDict()
        self._numbers = itertools.count(1)
        # Grows from start to start, so that a console never takes an old number for the present one.
        self._base = time.time_ns() // 1_000_000

    def _served(self, text: str) -> Path:
        if "\0" in text:
            raise Refused("bad_request", "A path cannot hold a zero byte.")
        folder = self._catalogue.parent.resolve()
        try:
            path = (folder / text).resolve() if text else folder / self._catalogue.name
        except (OSError, RuntimeError, ValueError):  # a loop of links, or what can be no name
            path = folder.parent
        folders = {folder, folder / COPIES_FOLDER}
        if self._limits.catalogue_backup_dir is not None:
            folders.add(self._limits.catalogue_backup_dir.resolve())
        if path.parent in folders or path in {named.resolve() for named in self._limits.databases}:
            return path
        # The same words whether it exists or not: nothing is told of other files.
        raise Refused(
            "database_not_served",
            f"The server does not serve {text}.",
            detail="It serves what lies in the folder of its catalogue, and files named in server.databases.",
        )

    async def served(self, text: str) -> Path:
        """Return the file that a console may look at; raises Refused database_not_served."""
        return await asyncio.to_thread(self._served, text)

    @asynccontextmanager
    async def answering(self, token_id: int, text: str, question_id: str) -> AsyncGenerator[DatabaseAnswers]:
        """Give what answers a question about a file for the length of a block; raises Refused.

        A question that is taken back by its id ends as Refused query_cancelled.
        """
        path = await self.served(text)
        readers = await self._readers_of(token_id, path)
        if sum(each.questions for (of, _), each in self._readers.items() if of == token_id) >= MAX_QUESTIONS:
            raise Refused("busy", "Too many questions of this token are being answered.", headers=_LATER)
        readers.questions += 1
        try:
            with self._cancellable(token_id, question_id), translated_refusals():
                yield readers.answers
        finally:
            readers.questions -= 1
            readers.used_s = self._clock()

    @contextmanager
    def _cancellable(self, token_id: int, question_id: str) -> Generator[None]:
        task = asyncio.current_task()
        assert task is not None
        asked, key = _Asked(task), (token_id, question_id or f"#{next(self._numbers)}")
        self._asked[key] = asked
        try:
            yield
        except asyncio.CancelledError:
            if not asked.taken_back or task.uncancel():
                raise
            raise Refused("query_cancelled", "The question was taken back.") from None
        finally:
            if self._asked.get(key) is asked:
                del self._asked[key]

    def take_back(self, token_id: int, question_id: str) -> bool:
        """Stop the answer to a question; return whether it was being answered."""
        asked = self._asked.get((token_id, question_id))
        if asked is None or asked.taken_back:
            return False
        asked.taken_back = True
        asked.task.cancel()
        return True

    def close_token(self, token_id: int) -> None:
        """Stop all answers to a token that is now revoked."""
        for of, question_id in [key for key in self._asked if key[0] == token_id]:
            self.take_back(of, question_id)

    async def _readers_of(self, token_id: int, path: Path) -> _Readers:
        key = (token_id, path)
        readers = self._readers.get(key)
        if readers is not None:
            readers.used_s = self._clock()
            return readers
        own = [each for each in self._readers if each[0] == token_id]
        # Who has a full share gives up one of its own; else the one that was used longest ago.
        crowd = own if len(own) >= MAX_READERS_OF_TOKEN else list(self._readers)
        given_up = None
        if crowd is own or len(crowd) >= MAX_READERS:
            idle = [each for each in crowd if not self._readers[each].questions]
            if not idle:
                whose = "This token is" if crowd is own else "Other consoles are"
                raise Refused("busy", f"{whose} reading other databases just now.", headers=_LATER)
            given_up = min(idle, key=lambda each: self._readers[each].used_s)
        # Put in before anything is waited for: another question of this token finds it.
        self._readers[key] = readers = _Readers(DatabaseAnswers(path, own=OWN_NAME), self._clock())
        if given_up is not None:
            await self._close(given_up)
        return readers

    async def version(self, path: Path) -> int:
        """Return the version of a file, which is watched from now on; raises DatabaseMissing."""
        watched = self._watched.get(path) or _Watched(FileWatch(path))
        with translated_refusals():
            watched.version = self._base + await asyncio.to_thread(watched.watch.version)
        # Only once it is known to be there: names that are none take no place from what others look at.
        watched = self._watched.setdefault(path, watched)
        self._watched.move_to_end(path)
        if len(self._watched) > MAX_WATCHED:
            gone, _ = self._watched.popitem(last=False)
            # Its consoles are told to read again, which has it watched again.
            self._publish(DatabaseFrame(path=str(gone), version=None))
        return watched.version

    async def run(self) -> None:
        """Tell consoles of changed files, and close what nobody uses, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            if self._listened(Topic.DATABASE):
                await self._look()
            await self._close_idle()

    async def _look(self) -> None:
        for path, watched in list(self._watched.items()):
            try:
                version = self._base + await asyncio.to_thread(watched.watch.version)
            except TidewatchError:
                # It is gone. A console reads again, and is told why it cannot.
                self._watched.pop(path, None)
                self._publish(DatabaseFrame(path=str(path), version=None))
                continue
            if version != watched.version:
                watched.version = version
                self._publish(DatabaseFrame(path=str(path), version=version))

    async def _close_idle(self) -> None:
        before = self._clock() - IDLE_S
        for key in [k for k, each in self._readers.items() if not each.questions and each.used_s < before]:
            await self._close(key)

    async def _close(self, key: tuple[int, Path]) -> None:
        readers = self._readers.get(key)
        if readers is not None and not readers.questions:
            del self._readers[key]
            self._closing.add(readers.answers)
            await readers.answers.close()
            self._closing.discard(readers.answers)

    async def close(self) -> None:
        """Stop all that runs."""
        self._closing.update(each.answers for each in self._readers.values())
        self._readers.clear()
        await asyncio.gather(*[answers.close() for answers in self._closing])
        self._closing.clear()


_LATER = {"Retry-After": "5"}


@contextmanager
def translated_refusals() -> Generator[None]:
    """Refuse with the code of the failure of a database."""
    try:
        yield
    except TidewatchError as error:
        code = error.server_code if isinstance(error, CommandFailed) else error.code
        if isinstance(error, QueryCancelled):
            code = "query_cancelled"
        raise Refused(code, error.message, detail=error.hint) from error
