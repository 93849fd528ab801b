"""Consoles that follow the events of a server over lines that break: each event once, and in order."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import aiohttp
import msgspec

from app.wire.http import encode
from streams.model.events import Event, Hello, Reset, Resume, decode_server_frame
from streams.model.vocabulary import Topic


@dataclass(slots=True)
class Follower:
    """One console: where it stands, and what went wrong."""

    url: str
    token: str
    epoch: str | None = None
    last_seq: int = 0
    events: int = 0
    connections: int = 0
    found: list[str] = field(default_factory=list[str])

    async def follow(self) -> None:
        """Follow for ever, connecting again whenever the line breaks."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError, asyncio.TimeoutError):
                    async with session.ws_connect(
                        self.url, timeout=aiohttp.ClientWSTimeout(ws_close=1)
                    ) as line:
                        self.connections += 1
                        await self._read(line)
                await asyncio.sleep(0.02)

    async def _read(self, line: aiohttp.ClientWebSocketResponse) -> None:
        async for message in line:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            try:
                frame = decode_server_frame(message.data)
            except msgspec.MsgspecError as error:
                self.found.append(f"a frame that cannot be read: {error}")
                return
            match frame:
                case Hello(epoch=epoch, last_seq=last_seq):
                    if self.epoch is None:
                        self.epoch, self.last_seq = epoch, last_seq
                    resume = Resume(epoch=self.epoch, after_seq=self.last_seq, topics=tuple(Topic))
                    await line.send_str(encode(resume).decode())
                case Event(seq=seq):
                    if seq != self.last_seq + 1:
                        self.found.append(f"event {seq} after {self.last_seq}")
                    self.last_seq = seq
                    self.events += 1
                case Reset(reason=reason):
                    self.found.append(f"told to read everything again: {reason}")
                    return
                case _:
                    pass
