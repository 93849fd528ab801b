"""A real server on free ports for the length of a block, and what speaks to it as consoles and agents do."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec

from app.catalogue.migrate import migrate
from app.server.data_dir import CATALOGUE_FILE
from app.server.limits import Limits
from app.server.run import ServerInfo, running_room
from app.server.services import Room
from app.wire.agent_socket import ToAgentFrame, decode_to_agent
from app.wire.blob_batch import encode_batch
from app.wire.http import AgentEntry, EnrolReply, FinishRun, StartRun, encode
from streams.model.events import Event, Hello, Resume, ServerFrame, decode_server_frame
from streams.model.runs import Run
from streams.model.vocabulary import EntryKind, RunState, RunTrigger, Topic

DEADLINE_S = 30.0
"""Long: a busy machine is no fault."""


async def until(true: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Wait until ``true()`` is; asynchronous questions are awaited."""
    async with asyncio.timeout(deadline_s):
        while True:
            answer = true()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.005)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(path: str, content: bytes) -> AgentEntry:
    return AgentEntry(
        raw_path=path.encode(),
        kind=EntryKind.FILE,
        size_bytes=len(content),
        mtime_ns=1_700_000_000_000_000_000,
        mode=0o644,
        sha256=sha256_of(content),
    )


class Console:
    """A console's event socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, hello: Hello) -> None:
        self.socket = socket
        self.hello = hello

    async def frame(self) -> ServerFrame:
        message = await self.socket.receive(timeout=DEADLINE_S)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return decode_server_frame(message.data)

    async def send(self, frame: msgspec.Struct) -> None:
        await self.socket.send_str(encode(frame).decode())

    async def resume(self, epoch: str | None, after: int = 0, *topics: Topic) -> None:
        await self.send(Resume(epoch=epoch, after_seq=after, topics=topics or tuple(Topic)))

    async def until(self, wanted: Callable[[ServerFrame], bool]) -> ServerFrame:
        """Read until a frame is wanted, and return it."""
        async with asyncio.timeout(DEADLINE_S):
            while not wanted(frame := await self.frame()):
                pass
        return frame

    async def event(self, kind: str) -> Event:
        frame = await self.until(lambda frame: isinstance(frame, Event) and frame.kind == kind)
        assert isinstance(frame, Event)
        return frame

    async def close_code(self) -> int | None:
        """Read to the end and return with which code the server closed."""
        async with asyncio.timeout(DEADLINE_S):
            while (await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.socket.close_code


class Agent:
    """A client machine, as far as the server can tell."""

    def __init__(self, server: "RunningServer", name: str, enrolled: EnrolReply) -> None:
        self.server = server
        self.name = name
        self.client_id = enrolled.client_id
        self.token = enrolled.token
        self.http = server.http(enrolled.token)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.http.ws_connect(f"{self.server.events_url}/agent") as socket:
            yield socket

    async def begin(self, correlation_id: str = "") -> Run:
        body = StartRun(trigger=RunTrigger.AGENT, correlation_id=correlation_id)
        return await self.server.post("/api/agent/runs", body, Run, http=self.http)

    async def put(self, content: bytes, offset: int = 0) -> None:
        url = f"/api/agent/blobs/{sha256_of(content)}?offset={offset}&size={len(content)}"
        async with self.http.put(url, data=io.BytesIO(content[offset:])) as response:
            assert response.status == 200, await response.text()

    async def put_batch(self, *contents: bytes) -> None:
        body = encode_batch((sha256_of(content), content) for content in contents)
        async with self.http.post("/api/agent/blobs/batch", data=body) as response:
            assert response.status == 200, await response.text()

    async def back_up(self, files: dict[str, bytes]) -> Run:
        """Make a whole backup of ``files``."""
        run = await self.begin()
        await self.put_batch(*set(files.values()))
        body = {"entries": [entry(path, content) for path, content in files.items()]}
        await self.server.post(f"/api/agent/runs/{run.id}/entries", body, dict, http=self.http)
        finish = FinishRun(state=RunState.COMPLETE, files_seen=len(files), files_new=len(files))
        return await self.server.post(f"/api/agent/runs/{run.id}/finish", finish, Run, http=self.http)


@dataclass
class RunningServer:
    """A server that runs, and the doors to it."""

    info: ServerInfo
    room: Room
    token: str
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    _console: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return self.info.url

    @property
    def events_url(self) -> str:
        return f"http://{self.info.host}:{self.info.events_port}"

    def http(self, token: str | None = None) -> aiohttp.ClientSession:
        """Return a session that sends ``token``; closed with the server."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        session = aiohttp.ClientSession(
            self.url, headers=headers, timeout=aiohttp.ClientTimeout(total=DEADLINE_S * 2)
        )
        self.sessions.append(session)
        return session

    @property
    def console(self) -> aiohttp.ClientSession:
        """The session with the console's token."""
        if self._console is None:
            self._console = self.http(self.token)
        return self._console

    async def get(self, path: str, kind: Any = Any) -> Any:
        async with self.console.get(path) as response:
            body = await response.read()
            assert response.status == 200, (path, response.status, body)
            return msgspec.json.decode(body, type=kind)

    async def post(
        self, path: str, body: Any = None, kind: Any = Any, *, http: aiohttp.ClientSession | None = None
    ) -> Any:
        async with (http or self.console).post(path, data=encode(body or {})) as response:
            answer = await response.read()
            assert response.status == 200, (path, response.status, answer)
            return msgspec.json.decode(answer, type=kind)

    async def enrol(self, name: str) -> Agent:
        """Enrol a client and return it."""
        code = (await self.post("/api/enrolments", {"name": name}))["code"]
        body = {"name": name, "code": code, "platform": "test", "agent_version": "0"}
        async with self.http().post("/api/enrol", json=body) as response:
            enrolled = msgspec.json.decode(await response.read(), type=EnrolReply)
        return Agent(self, name, enrolled)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[Console]:
        async with self.console.ws_connect(f"{self.events_url}/events") as socket:
            hello = decode_server_frame((await socket.receive(timeout=DEADLINE_S)).data)
            assert isinstance(hello, Hello)
            yield Console(socket, hello)


async def told(socket: aiohttp.ClientWebSocketResponse) -> ToAgentFrame:
    """Return the next frame for an agent."""
    return decode_to_agent((await socket.receive(timeout=DEADLINE_S)).data)


@cache
def blank_catalogue() -> bytes:
    """Return an empty catalogue of the newest schema; a copy is quicker than migrating each time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.db"
        migrate(path)
        return path.read_bytes()


def lay_blank(data_dir: Path) -> None:
    """Give a server that has no catalogue yet an empty one."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if not (data_dir / CATALOGUE_FILE).exists():
        (data_dir / CATALOGUE_FILE).write_bytes(blank_catalogue())


@asynccontextmanager
async def a_server(
    data_dir: Path, *, blank: bool = True, new_catalogue: bool = False, new_store: bool = False, **limits: Any
) -> AsyncIterator[RunningServer]:
    """Run a server on ``data_dir``; ``limits`` replace those of ``Limits``.

    Without ``blank`` it makes its catalogue itself.
    """
    if blank:
        await asyncio.to_thread(lay_blank, data_dir)
    bounds = Limits(
        **{
            "destroy_delay_h": 0,
            "offline_grace_s": 0.05,
            "least_free_bytes": 0,
            "warn_free_bytes": 0,
            **limits,
        }
    )
    async with running_room(
        data_dir, host="127.0.0.1", port=0, settings=bounds, new_catalogue=new_catalogue, new_store=new_store
    ) as (room, info):
        token = await asyncio.to_thread(info.token_file.read_text)
        server = RunningServer(info, room, token.strip())
        try:
            yield server
        finally:
            for session in server.sessions:
                await session.close()
