"""Orders that lie open when the server is lost: questions, and what messages offer."""

import asyncio
from dataclasses import replace

import flet as ft
import pytest
from reactivex.subject import BehaviorSubject

from streams.model.link import Link
from streams.model.outcome import Outcome
from streams.model.vocabulary import LinkState, Scope
from tests.ui import fleet
from tests.ui.harness import NOON, PageHarness
from tests.ui.page.test_clients_view import open_desk
from tests.ui.page.test_shell import stage
from ui.base.permissions import NO_CONNECTION
from ui.components.confirm import Question, ask
from ui.shell.message_centre import MessageCentre
from ui.shell.toasts import ToastLayer


async def asked(h: PageHarness, question: Question) -> tuple[asyncio.Task[bool], ft.AlertDialog]:
    task = asyncio.create_task(ask(h.page, h.context, question))
    await h.settle()
    return task, h.find(ft.AlertDialog, open=True)


async def test_an_order_cannot_be_said_yes_to_while_the_server_is_lost() -> None:
    async with PageHarness.sound() as h:
        link = BehaviorSubject(Link(state=LinkState.LIVE, since=NOON))
        h.context.link = link

        async def lose(*, lost: bool) -> None:
            link.on_next(Link(state=LinkState.DOWN if lost else LinkState.LIVE, since=NOON))
            await h.settle()

        question = Question("Stop?", "It stops.", "Stop it", needs=Scope.OPERATE)
        task, dialog = await asked(h, question)
        yes = h.find(ft.FilledButton, dialog)
        assert (yes.disabled, yes.tooltip) == (False, None)
        await lose(lost=True)
        assert (yes.disabled, yes.tooltip) == (True, NO_CONNECTION)
        await lose(lost=False)
        assert (yes.disabled, yes.tooltip) == (False, None)
        await h.fire(yes, "click")
        assert await task is True
        await h.settle()
        h.page.pop_dialog()
        question = replace(question, type_name="web-01")
        task, dialog = await asked(h, question)
        yes, name = h.find(ft.FilledButton, dialog), h.find(ft.TextField, dialog)
        await lose(lost=True)
        await h.fire(name, "change", "web-01", value="web-01")
        await h.fire(name, "submit")
        assert yes.disabled, "the name does not let it through"
        assert not task.done()
        await lose(lost=False)
        await h.fire(name, "submit")
        assert await task is True


async def test_what_is_asked_of_nobody_else_needs_no_server() -> None:
    async with PageHarness.sound() as h:
        h.context.link = BehaviorSubject(Link(state=LinkState.DOWN, since=NOON))
        _, dialog = await asked(h, Question("Reset?", "All settings go back.", "Reset"))
        assert not h.find(ft.FilledButton, dialog).disabled


@pytest.mark.parametrize("order", ["Stop the server…", "Back up all clients"])
async def test_what_is_asked_of_the_server_as_a_whole_is_held_back_in_its_question(order: str) -> None:
    async with stage() as s:
        entry = next(entry for entry in s.h.context.palette.entries() if entry.label == order)
        s.shell._palette.act(order, entry.run())
        await s.h.settle()
        yes = s.h.find(ft.FilledButton, s.h.find(ft.AlertDialog, open=True))
        assert not yes.disabled
        s.streams.lose()
        await s.h.settle()
        assert (yes.disabled, yes.tooltip) == (True, NO_CONNECTION)


@pytest.mark.parametrize("order", ["Disconnect…", "Remove for good…"])
async def test_what_is_asked_of_a_client_is_held_back_in_its_question(order: str) -> None:
    async with open_desk(12) as desk:
        desk.page.context.link = desk.streams.link
        await desk.menu(0, order)
        yes = desk.page.find(ft.FilledButton, desk.page.find(ft.AlertDialog, open=True))
        desk.streams.lose()
        await desk.page.settle()
        assert (yes.disabled, yes.tooltip) == (True, NO_CONNECTION)


async def test_no_order_is_offered_by_a_message_while_the_server_is_lost() -> None:
    async def undo() -> None:
        pass

    async with PageHarness.sound() as h:
        link = BehaviorSubject(Link(state=LinkState.LIVE, since=h.now()))
        h.context.link = link
        h.mount(ToastLayer(context=h.context), MessageCentre(context=h.context))

        def offered() -> list[tuple[str, bool, str | None]]:
            buttons = (b for b in h.find_all(ft.TextButton) if b.content != "Clear")
            return [(str(b.content), bool(b.disabled), b.tooltip) for b in buttons]  # type: ignore[misc]

        h.context.messages.done("a.pdf deleted", action_label="Undo", action=undo, needs=Scope.OPERATE)
        h.context.messages.done("Saved", action_label="Put back", action=undo)
        h.frame()
        now = [
            ("Undo", False, None),
            ("Put back", False, None),
            ("Put back", False, None),
            ("Undo", False, None),
        ]
        assert offered() == now
        link.on_next(Link(state=LinkState.DOWN, since=h.now()))
        h.frame()
        lost = [(label, label == "Undo", NO_CONNECTION if label == "Undo" else None) for label, *_ in now]
        assert offered() == lost
        h.context.messages.done("b.pdf deleted", action_label="Undo", action=undo, needs=Scope.OPERATE)
        h.frame()
        assert offered()[2] == ("Undo", True, NO_CONNECTION)
        link.on_next(Link(state=LinkState.LIVE, since=h.now()))
        h.frame()
        assert not any(disabled for _, disabled, _ in offered())


async def test_what_takes_back_an_order_is_an_order_itself() -> None:
    async with open_desk(12) as desk:
        client_id = fleet.client_id("app-01")
        desk.commands.outcome = Outcome(done=(client_id,))
        await desk.menu(0, "Disconnect…")
        await desk.page.fire(desk.page.find(ft.FilledButton, content="Disconnect"), "click")
        message = desk.page.context.messages.all[0]
        assert (message.action_label, message.needs) == ("Allow again", Scope.OPERATE)
