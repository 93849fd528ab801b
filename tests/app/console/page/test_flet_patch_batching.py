"""Batched messages change the client as the single ones would have."""

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import flet as ft
import msgpack
import pytest
import pytest_asyncio
from flet.controls.base_control import BaseControl
from flet.messaging.protocol import Message, MessageAction, configure_encode_object_for_msgpack

from app.console.flet_patch_batching import Gathering
from tests.ui.harness import PageHarness

_ENCODE = configure_encode_object_for_msgpack(BaseControl)


class Client:
    """The tree that a client program keeps, changed by messages as it changes it."""

    def __init__(self, page: Any) -> None:
        self.tree = page
        self.messages = 0

    def receive(self, raw: bytes) -> None:
        """Take one message, in its order."""
        action, body = msgpack.unpackb(raw, strict_map_key=False)
        if action != MessageAction.PATCH_CONTROL.value:
            return
        self.messages += 1
        (root,) = [node for node in _walk(self.tree) if node.get("_i") == body["id"]]
        paths = dict(_nodes(body["patch"][0], ()))
        for kind, *op in body["patch"][1:]:
            _apply(root, paths, kind, op)


def _nodes(tree: list[Any], path: tuple[Any, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    yield tree[0], path
    for key, below in tree[1].items() if len(tree) > 1 else ():
        yield from _nodes(below, (*path, key))


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(part)


def _apply(root: Any, paths: dict[int, tuple[Any, ...]], kind: int, op: list[Any]) -> None:
    def target(node: int) -> Any:
        found = root
        for step in paths[node]:
            if isinstance(found, dict) and step not in found and step != paths[node][-1]:
                raise LookupError(f"nothing at {paths[node]}")
            found = found.setdefault(step, []) if isinstance(found, dict) else found[step]
        return found

    if kind == 3:
        moved = target(op[0]).pop(op[1])
        target(op[2]).insert(op[3], moved)
    elif kind == 2:
        target(op[0]).pop(op[1])
    elif kind == 1 and isinstance(target(op[0]), list):
        target(op[0]).insert(op[1], op[2])
    else:
        target(op[0])[op[1]] = op[2]


class Link:
    """A page, what its client has when all is put together, and what it would have otherwise."""

    def __init__(self, harness: PageHarness) -> None:
        self.page = harness.page
        self.root = ft.Column([ft.Row([ft.Text(f"{i}-{j}") for j in range(3)]) for i in range(4)])
        harness.mount(self.root)
        whole = msgpack.packb(harness.session.get_page_patch(), default=_ENCODE)
        self.together = Client(msgpack.unpackb(whole, strict_map_key=False))
        self.singly = Client(msgpack.unpackb(whole, strict_map_key=False))
        self.addressed: list[int] = []
        """Ids of the controls to which messages went, once what could be was put together."""
        self.gathering = Gathering(harness.session, self._receive)

        def send(message: Message) -> None:
            self.singly.receive(_packed(message))
            self.gathering.take(message)

        harness.session._Session__send_message = send  # pyright: ignore[reportAttributeAccessIssue]

    def _receive(self, message: Message) -> None:
        self.together.receive(_packed(message))
        self.addressed.append(message.body.id)


def _packed(message: Message) -> bytes:
    return msgpack.packb([message.action.value, message.body], default=_ENCODE) or b""


@pytest_asyncio.fixture
async def link() -> AsyncIterator[Link]:
    async with PageHarness.sound() as harness:
        yield Link(harness)


def texts(link: Link) -> list[ft.Text]:
    return [text for row in link.root.controls for text in row.controls]  # pyright: ignore[reportAttributeAccessIssue]


async def test_what_changes_in_one_turn_is_one_message(link: Link) -> None:
    for text in texts(link):
        text.value, text.color = "new", ft.Colors.PRIMARY
        text.update()
    assert link.together.messages == 0
    await asyncio.sleep(0)
    assert (link.together.messages, link.singly.messages) == (1, 12)
    assert link.together.tree == link.singly.tree


async def test_one_change_goes_out_as_it_is(link: Link) -> None:
    link.page.title = "other"
    link.page.update()
    await asyncio.sleep(0)
    assert link.together.messages == 1
    assert link.together.tree["title"] == "other"


async def test_what_waits_goes_out_before_the_page_gets_another_shape(link: Link) -> None:
    first, second, last = texts(link)[0], texts(link)[1], texts(link)[-1]
    for text in (first, second):
        text.value = "before"
        text.update()
    link.root.controls.insert(0, ft.Row([ft.Text("above")]))
    link.root.update()
    assert link.together.tree == link.singly.tree  # nothing may wait behind a change of shape
    first.value = last.value = "after"
    first.update()
    last.update()
    await asyncio.sleep(0)
    assert link.together.tree == link.singly.tree
    assert (link.together.messages, link.singly.messages) == (3, 5)


async def test_a_control_stands_where_the_client_has_it_not_where_it_will_be(link: Link) -> None:
    row: Any = link.root.controls[0]
    row.controls.insert(0, ft.Text("not sent yet"))
    for text in row.controls[1:]:
        text.value = "changed"
        text.update()
    await asyncio.sleep(0)
    assert link.together.messages == 1
    assert link.together.tree == link.singly.tree
    row.update()
    assert link.together.tree == link.singly.tree


async def test_a_control_that_has_gone_is_not_looked_for(link: Link) -> None:
    gone, left = texts(link)[:2]
    gone.value = left.value = "x"
    gone.update()
    left.update()
    gone.value = left.value = "y"
    left.update()
    row: Any = link.root.controls[0]
    row.controls.remove(gone)
    row.update()
    left.value = "z"
    left.update()
    await asyncio.sleep(0)
    assert link.together.tree == link.singly.tree


@pytest.mark.parametrize("seed", range(40))
async def test_the_client_comes_to_the_same_whatever_happens(link: Link, seed: int) -> None:
    random = Random(seed)
    for turn in range(12):
        for _ in range(random.randrange(1, 12)):
            rows: list[Any] = list(link.root.controls)
            row = random.choice(rows)
            happening = random.randrange(14)
            if happening == 0:
                row.controls.insert(random.randrange(len(row.controls) + 1), ft.Text(f"new in {turn}"))
            elif happening == 1 and len(row.controls) > 1:
                row.controls.pop(random.randrange(len(row.controls)))
            elif happening == 2:
                random.shuffle(row.controls)
            elif happening == 3:
                row.update()
            elif happening == 4:
                link.root.controls.reverse()
                link.root.update()
            elif row.controls:
                text = random.choice(row.controls)
                text.value = f"{turn}"
                text.color = random.choice((None, ft.Colors.PRIMARY, "#102030"))
                if _on_client(link, text):
                    text.update()
        await asyncio.sleep(0)
        assert link.together.tree == link.singly.tree
    link.root.update()
    assert link.together.tree == link.singly.tree
    assert link.together.messages < link.singly.messages


def _on_client(link: Link, control: ft.Control) -> bool:
    return any(node.get("_i") == control._i for node in _walk(link.singly.tree))


async def test_what_waits_is_let_go_when_the_client_gets_the_whole_page(link: Link) -> None:
    for text in texts(link):
        text.value = "new"
        text.update()
    session = link.page.session
    session._Session__conn = object()  # pyright: ignore[reportAttributeAccessIssue]
    await asyncio.sleep(0)
    assert link.together.messages == 0


async def test_what_changes_once_the_client_has_the_whole_page_is_sent_whatever_waited_before(
    link: Link,
) -> None:
    before, *after = texts(link)[:3]
    before.value = "before"
    before.update()
    link.page.session._Session__conn = object()  # pyright: ignore[reportAttributeAccessIssue]
    link.together.tree = copy.deepcopy(link.singly.tree)
    for text in after:
        text.value = "after"
        text.update()
    await asyncio.sleep(0)
    assert link.together.tree == link.singly.tree
    assert link.together.messages == 1


async def test_a_session_that_has_ended_changes_nothing_on_the_page_that_came_after_it(link: Link) -> None:
    """Both pages have the same id, and where one client program is left for another, the same connection."""
    link.page.session._Session__closed = True  # pyright: ignore[reportAttributeAccessIssue]
    old = texts(link)[:2]
    for text in old:
        text.value = "old"
        text.update()
    await asyncio.sleep(0)
    assert link.addressed == [text._i for text in old]


@pytest.mark.parametrize("value", ["\udcff", 2**70], ids=["text", "number"])
async def test_what_cannot_be_sent_fails_where_it_is_updated_and_keeps_nothing_else_from_it(
    link: Link, value: Any
) -> None:
    link.page.session._Session__send_message = link.gathering.take  # pyright: ignore[reportAttributeAccessIssue]
    bad, *good = texts(link)[:3]
    bad.value = value
    with pytest.raises((UnicodeEncodeError, OverflowError)):
        bad.update()
    for text in good:
        text.value = "good"
        text.update()
    await asyncio.sleep(0)
    row = link.together.tree["views"][0]["controls"][0]["controls"][0]
    assert [text["value"] for text in row["controls"]] == ["0-0", "good", "good"]
