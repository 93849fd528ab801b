"""Messages of the console: toasts that wait for their turn, a bell that counts, a centre that keeps."""

import flet as ft
import pytest

from streams.model.failures import WrongToken
from tests.ui.harness import PageHarness
from ui.base.messages import Messages
from ui.base.theme import Tone
from ui.shell.message_centre import MAX_HEIGHT, MessageBell, MessageCentre
from ui.shell.toasts import ToastLayer


async def test_toasts_go_by_themselves_but_errors_stay_until_closed() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        h.context.messages.done("Backup asked for.")
        h.context.messages.error("The disk is full.", detail="Free some room.")
        h.frame()
        assert h.texts() == ["Backup asked for.", "The disk is full.", "Free some room."]
        h.advance(5)
        assert h.texts() == ["The disk is full.", "Free some room."]
        h.advance(3600)
        assert "The disk is full." in h.texts()
        await h.fire(h.find(ft.IconButton, tooltip="Close message"), "click")
        assert h.texts() == []


async def test_more_than_two_wait_for_their_turn() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        for i in range(5):
            h.context.messages.done(f"number {i}")
        h.frame()
        assert h.texts() == ["number 0", "number 1"]
        h.advance(4.6)
        assert h.texts() == ["number 2", "number 3"]
        h.advance(4.6)
        assert h.texts() == ["number 4"]
        h.advance(5)
        assert h.texts() == []


async def _nothing() -> None:
    pass


async def test_what_can_be_taken_back_is_offered_at_once_whatever_stands() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        for i in range(4):
            h.context.messages.done(f"number {i}")
        h.context.messages.error("disk full")
        h.frame()
        assert h.texts() == ["number 0", "number 1"]
        h.context.messages.done("a.txt deleted", action_label="Undo", action=_nothing)
        h.frame()
        assert "a.txt deleted" in h.texts()
        h.advance(60)
        assert h.texts() == ["disk full"]


async def test_an_undo_that_is_used_up_elsewhere_is_offered_nowhere() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context), MessageCentre(context=h.context))
        names = frozenset({"deleted 1", "deleted 2"})
        h.context.messages.done("2 files deleted", action_label="Undo", action=_nothing, undoes=names)
        h.frame()
        assert len(h.find_all(ft.TextButton, content="Undo")) == 2
        h.context.messages.used_up(["deleted 1"])
        h.frame()
        assert len(h.find_all(ft.TextButton, content="Undo")) == 2
        h.context.messages.used_up(["deleted 2", "deleted 3"])
        h.frame()
        assert h.find_all(ft.TextButton, content="Undo") == []


async def test_what_stays_makes_way_for_what_is_newer_and_comes_back() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        for name in ("first", "second"):
            h.context.messages.error(name)
        h.context.messages.done("third")
        h.context.messages.done("fourth")
        h.frame()
        assert h.texts() == ["second", "third"]
        h.advance(4.6)
        assert h.texts() == ["second", "fourth"]
        h.advance(4.6)
        assert sorted(h.texts()) == ["first", "second"]
        h.advance(3600)
        assert sorted(h.texts()) == ["first", "second"]


async def test_what_a_toast_offers_is_done_once() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        undone: list[int] = []

        async def undo() -> None:
            undone.append(1)

        h.context.messages.done("12 files deleted.", action_label="Undo", action=undo)
        h.frame()
        await h.fire(h.find(ft.TextButton, content="Undo"), "click")
        assert undone == [1]
        assert h.texts() == []


async def test_an_undo_that_fails_is_said() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))

        async def undo() -> None:
            raise WrongToken("The token is revoked.", hint="Ask for a new one.")

        h.context.messages.done("12 files deleted.", action_label="Undo", action=undo)
        h.frame()
        await h.fire(h.find(ft.TextButton, content="Undo"), "click")
        assert h.texts() == ["Undo: The token is revoked.", "Ask for a new one."]


async def test_the_bell_counts_until_somebody_looks() -> None:
    async with PageHarness.open() as h:
        h.mount(MessageBell(context=h.context, on_open=h.context.messages.mark_seen))
        bell = h.find(ft.IconButton, tooltip="Messages")
        assert isinstance(bell.icon, ft.Icon) and bell.icon.badge is None
        h.context.messages.done("one")
        h.context.messages.error("two")
        h.frame()
        # On the bell itself: the button around it is larger, and its corner is at the edge of the bar.
        assert isinstance(bell.icon, ft.Icon) and isinstance(bell.icon.badge, ft.Badge)
        assert bell.icon.badge.label == "2"
        assert bell.icon.badge.bgcolor == Tone.BAD.color
        await h.fire(bell, "click")
        assert bell.icon.badge is None


async def test_the_centre_keeps_the_newest_first_and_can_be_cleared() -> None:
    async with PageHarness.open() as h:
        h.mount(MessageCentre(context=h.context))
        assert "No messages yet." in h.texts()
        h.context.messages.done("first")
        h.context.messages.warn("second", detail="why")
        h.frame()
        assert h.texts() == ["Messages", "2", "second", "why", "12:00:00", "first", "12:00:00"]
        await h.fire(h.find(ft.TextButton, content="Clear"), "click")
        assert "No messages yet." in h.texts()


async def test_the_centre_is_as_high_as_what_it_holds() -> None:
    async with PageHarness.open() as h:
        centre = MessageCentre(context=h.context)
        h.mount(centre)
        heights = [centre.height or 0]
        for text in ("one line", "words " * 20, *("more",) * 40):
            h.context.messages.done(text)
            h.frame()
            heights.append(centre.height or 0)
        assert max(heights[:2]) < 130
        assert 40 < heights[2] - heights[1] < 100  # three lines
        assert heights == sorted(heights)
        assert heights[-1] == MAX_HEIGHT


async def test_only_the_last_hundred_are_kept_and_each_can_be_copied() -> None:
    async with PageHarness.open() as h:
        messages = Messages(h.now)
        for i in range(150):
            messages.error(f"number {i}", detail="why")
        assert len(messages.all) == 100
        assert messages.all[0].copy_text() == "2026-03-11 12:00:00 UTC number 149\nwhy"


async def test_what_was_seen_is_not_toasted_again() -> None:
    async with PageHarness.open() as h:
        h.context.messages.done("old")
        h.context.messages.mark_seen()
        h.mount(ToastLayer(context=h.context))
        assert h.texts() == []


async def test_what_is_under_way_is_replaced_by_its_result() -> None:
    async with PageHarness.open() as h:
        h.mount(ToastLayer(context=h.context))
        with h.context.messages.working("Removing web-01…"):
            h.frame()
            assert h.texts() == ["Removing web-01…"]
        h.context.messages.done("web-01 was removed for good")
        h.frame()
        assert h.texts() == ["web-01 was removed for good"]
        assert [m.text for m in h.context.messages.all] == ["web-01 was removed for good"]


async def test_what_failed_is_not_under_way_any_more() -> None:
    async with PageHarness.open() as h:
        with pytest.raises(WrongToken), h.context.messages.working("Removing web-01…"):
            raise WrongToken("The token is revoked.")
        assert h.context.messages.all == ()


async def test_an_undo_is_offered_by_the_centre_too_until_it_is_done() -> None:
    async with PageHarness.open() as h:
        toasts, centre = ToastLayer(context=h.context), MessageCentre(context=h.context)
        h.mount(toasts, centre)
        undone: list[int] = []
        broken = True

        async def undo() -> None:
            if broken:
                raise WrongToken("The token is revoked.")
            undone.append(1)

        h.context.messages.done("12 files deleted.", action_label="Undo", action=undo)
        h.advance(3600)
        assert h.texts(toasts) == []
        await h.fire(h.find(ft.TextButton, centre, content="Undo"), "click")
        assert h.texts(toasts) == ["Undo: The token is revoked."]
        broken = False
        await h.fire(h.find(ft.TextButton, centre, content="Undo"), "click")
        assert undone == [1]
        with pytest.raises(LookupError):
            h.find(ft.TextButton, centre, content="Undo")


async def test_what_the_centre_has_undone_is_offered_by_no_toast() -> None:
    async with PageHarness.open() as h:
        toasts, centre = ToastLayer(context=h.context), MessageCentre(context=h.context)
        h.mount(toasts, centre)

        async def undo() -> None:
            pass

        h.context.messages.done("12 files deleted.", action_label="Undo", action=undo)
        h.frame()
        await h.fire(h.find(ft.TextButton, centre, content="Undo"), "click")
        assert h.texts(toasts) == []


async def test_what_cannot_be_undone_later_is_offered_by_its_toast_only() -> None:
    async with PageHarness.open() as h:
        toasts, centre = ToastLayer(context=h.context), MessageCentre(context=h.context)
        h.mount(toasts, centre)

        async def undo() -> None:
            pass

        h.context.messages.done("Settings imported", action_label="Undo", action=undo, lasting=False)
        h.frame()
        assert h.find(ft.TextButton, toasts, content="Undo")
        with pytest.raises(LookupError):
            h.find(ft.TextButton, centre, content="Undo")
