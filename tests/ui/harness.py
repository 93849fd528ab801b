"""A real ``ft.Page`` in the test's own process: no browser, no socket, and time that stands still until told.

Messages go through Flet's own encoder, because that is what takes the pictures that the next difference
is made against; a connection that only collected them would miss later changes of lists.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import flet as ft
import msgpack
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page
from flet.messaging.connection import Connection
from flet.messaging.protocol import (
    Message,
    MessageAction,
    configure_encode_object_for_msgpack,
    decode_ext_from_msgpack,
)
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

from streams.testing.virtual_time import VirtualScheduler
from tests.ui.fake_browser import FakeBrowser
from ui.base.context import UiContext
from ui.shell.flet_mount_patch import held_in, may_hold_controls, quicken

C = TypeVar("C", bound=BaseControl)
NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
"""When every test begins."""
_OPS = {0: "replace", 1: "add", 2: "remove", 3: "move"}

ft.context.disable_auto_update()


quicken()


@dataclass(frozen=True)
class Op:
    """One change that the client was told."""

    target: int
    kind: str
    what: Any
    value: Any


def key_event(key: str, **held: bool) -> ft.KeyboardEvent:
    """What the page tells of a key."""
    modifiers = dict.fromkeys(("ctrl", "shift", "alt", "meta"), False) | held
    return ft.KeyboardEvent(name="keyboard_event", control=None, key=key, **modifiers)  # pyright: ignore[reportArgumentType]


class _Recording(Connection):
    """Ends the protocol in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="page")
        self.pubsubhub = PubSubHub(loop=loop, executor=self.executor)
        self.page_name, self.page_url = "", "test://"
        self.sent: list[tuple[MessageAction, bytes]] = []
        self.replies: dict[str, Callable[[Any], Any]] = {}
        self.session: Session | None = None
        self._encode = configure_encode_object_for_msgpack(BaseControl)

    def send_message(self, message: Message) -> None:
        raw = msgpack.packb([message.action, message.body], default=self._encode)
        self.sent.append((message.action, raw))
        if message.action is MessageAction.INVOKE_METHOD and self.session is not None:
            call = message.body
            answer = self.replies.get(call.name, lambda _args: None)(call.args)
            self.loop.call_soon(
                self.session.handle_invoke_method_results, call.control_id, call.call_id, answer, None
            )

    def bodies(self, action: MessageAction) -> Iterator[Any]:
        """What was said in messages of one kind, as the client reads it."""
        for kind, raw in self.sent:
            if kind is action:
                yield msgpack.unpackb(raw, ext_hook=decode_ext_from_msgpack, strict_map_key=False)[1]

    def dispose(self) -> None:
        self.executor.shutdown(wait=True)


class PageHarness:
    """The page, a context in virtual time, and what was sent to the client."""

    def __init__(self, *, width: int = 1280, height: int = 800, web: bool = False) -> None:
        self.connection = _Recording(asyncio.get_running_loop())
        self.session = self.connection.session = Session(self.connection)
        self.page: ft.Page = self.session.page
        self._token = _context_page.set(self.page)
        self.session.apply_page_patch(
            {"route": "/", "width": width, "height": height, "platform": "linux", "web": web}
        )
        self.connection.send_message(
            Message(MessageAction.REGISTER_CLIENT, {"page": self.session.get_page_patch()})
        )
        self.scheduler = VirtualScheduler()
        self.reports: list[tuple[str, BaseException]] = []
        self.latencies: list[float] = []
        self.context = UiContext(
            scheduler=self.scheduler,
            clock=self.now,
            report=lambda where, error: self.reports.append((where, error)),
            measure=self.latencies.append,
        )
        self.browser = FakeBrowser()
        """Takes the files that a page in a browser hands out."""
        if web:
            self.context.hand_out = self.browser.hand_out

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, *, width: int = 1280, height: int = 800, web: bool = False
    ) -> AsyncIterator["PageHarness"]:
        """Give a page that is closed, with all that runs on it, at the end."""
        harness = cls(width=width, height=height, web=web)
        try:
            yield harness
        finally:
            harness.session.close()
            await asyncio.sleep(0)
            harness.connection.dispose()

    @classmethod
    @contextlib.asynccontextmanager
    async def sound(cls, *, web: bool = False) -> AsyncIterator["PageHarness"]:
        """Give a page on which nothing may have gone wrong by the end."""
        async with cls.open(web=web) as page:
            yield page
            assert page.crashes == []
            assert page.reports == []

    # -- time

    def now(self) -> datetime:
        """The clock of the context: noon and what has been advanced since."""
        return NOON + timedelta(milliseconds=self.scheduler.frame)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, with all that is due in it."""
        self.scheduler.advance_to(self.scheduler.frame + seconds * 1000)

    def frame(self, count: int = 1) -> None:
        """Let so many frames be drawn."""
        self.advance(count * self.context.frame_s + 0.001)

    async def settle(self, turns: int = 5) -> None:
        """Let tasks of the real loop run, and draw what they have changed."""
        for _ in range(turns):
            await asyncio.sleep(0)
        self.frame()

    # -- acting

    def mount(self, *controls: ft.Control) -> None:
        """Put controls on the page, draw a frame, and forget what was sent for it."""
        self.page.add(*controls)
        self.frame()
        self.clear()

    async def fire(self, control: BaseControl, event: str, data: Any = None, **props: Any) -> None:
        """Send an event as a client does, after the properties that it changed; draw a frame."""
        if props:
            self.session.apply_patch(control._i, props)
        await asyncio.create_task(self.session.dispatch_event(control._i, event, data))
        await self.settle()

    # -- looking

    def clear(self) -> None:
        """Forget what was sent."""
        self.connection.sent.clear()

    @property
    def bytes(self) -> int:
        """Bytes sent since ``clear``."""
        return sum(len(raw) + 1 for _, raw in self.connection.sent)

    @property
    def patches(self) -> int:
        """Patch messages sent since ``clear``."""
        return sum(action is MessageAction.PATCH_CONTROL for action, _ in self.connection.sent)

    @property
    def crashes(self) -> list[str]:
        """Red cards that a user would have seen."""
        return [body["message"] for body in self.connection.bodies(MessageAction.SESSION_CRASHED)]

    def ops(self) -> list[Op]:
        """Every change sent since ``clear``."""
        return [
            Op(body["id"], _OPS[op[0]], op[2], op[3] if len(op) > 3 else None)
            for body in self.connection.bodies(MessageAction.PATCH_CONTROL)
            for op in body["patch"][1:]
        ]

    def walk(self, root: Any = None, *, hidden: bool = False) -> Iterator[BaseControl]:
        """Every control below ``root`` (the page) in order; those that are not visible only if ``hidden``."""
        seen: set[int] = set()
        ahead: list[Any] = [self.page if root is None else root]
        while ahead:
            value = ahead.pop()
            below: Iterable[Any] = ()
            if isinstance(value, BaseControl):
                if id(value) in seen or (not hidden and getattr(value, "visible", True) is False):
                    continue
                seen.add(id(value))
                yield value
            if isinstance(value, list | tuple):
                below = value
            elif isinstance(value, dict):
                below = value.values()
            elif dataclasses.is_dataclass(value):
                below = held_in(value)
            ahead += reversed([part for part in below if may_hold_controls(type(part))])

    def find(self, kind: type[C], root: Any = None, *, hidden: bool = False, **props: Any) -> C:
        """The first control of this type with these properties."""
        for control in self.walk(root, hidden=hidden):
            if isinstance(control, kind) and all(_has(control, k, v) for k, v in props.items()):
                return control
        raise LookupError(f"no {kind.__name__} with {props}; texts: {self.texts(root)}")

    def find_all(self, kind: type[C], root: Any = None, **props: Any) -> list[C]:
        """All controls of this type with these properties."""
        return [
            c for c in self.walk(root) if isinstance(c, kind) and all(_has(c, k, v) for k, v in props.items())
        ]

    def texts(self, root: Any = None) -> list[str]:
        """The words on the screen, in order."""
        return [c.value for c in self.walk(root) if isinstance(c, ft.Text) and c.value]


def _has(control: Any, name: str, wanted: Any) -> bool:
    """Whether a property has this value; a tooltip also by its words, an icon also by its name."""
    value = getattr(control, name, None)
    if isinstance(value, ft.Tooltip) and isinstance(wanted, str):
        return value.message == wanted
    if isinstance(value, ft.Icon) and isinstance(wanted, ft.IconData):
        return value.icon == wanted
    return value == wanted
