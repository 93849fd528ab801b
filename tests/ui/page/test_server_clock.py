"""Ages and what is overdue are judged by the server's clock, wherever ours stands."""

from datetime import timedelta

import msgspec
import pytest

from streams.model.vocabulary import ClientState
from tests.ui import fleet
from tests.ui.harness import PageHarness
from tests.ui.log_desk import open_desk
from ui.base.context import Place
from ui.views.clients.present import present_seen
from ui.views.logs.view import AROUND
from ui.views.shared.client_state import is_overdue


@pytest.mark.parametrize("hours", [3, -3])
async def test_ages_are_those_of_the_servers_clock(hours: int) -> None:
    async with PageHarness.sound() as page:
        context = page.context
        context.server_ahead_s = lambda: hours * 3600.0
        server_now = context.clock() + timedelta(hours=hours)
        seen = msgspec.structs.replace(
            fleet.client_of("web-01", context.clock()),
            state=ClientState.OFFLINE,
            last_seen_at=server_now - timedelta(minutes=5),
            last_success_at=server_now - timedelta(minutes=50),
            goal_s=3600.0,
        )
        text, _ = present_seen(seen, context.format, context.server_clock())
        assert text == "5 min ago"
        assert not is_overdue(seen, context.server_clock())
        late = msgspec.structs.replace(seen, last_success_at=server_now - timedelta(minutes=70))
        assert is_overdue(late, context.server_clock())
        assert context.at_server(context.clock()) - context.clock() == timedelta(hours=hours)


@pytest.mark.parametrize("hours", [3, -3])
async def test_the_log_leads_to_a_moment_of_the_servers_clock(hours: int) -> None:
    async with open_desk() as desk:
        context = desk.page.context
        context.server_ahead_s = lambda: hours * 3600.0
        server_now = context.server_clock()
        desk.view.arrive(f"at:{(server_now - timedelta(seconds=5)).isoformat()}")
        assert desk.view._filters.value.until is None, "it is now, and the log goes on"
        desk.view.arrive(f"at:{(server_now - timedelta(hours=1)).isoformat()}")
        assert desk.view._filters.value.until == server_now - timedelta(hours=1) + AROUND


@pytest.mark.parametrize("hours", [3, -3])
async def test_what_went_wrong_by_our_clock_leads_to_its_lines_by_the_servers(hours: int) -> None:
    async with PageHarness.open() as page:
        context, went = page.context, list[Place]()
        context.go, context.places = went.append, frozenset({"logs"})
        at = context.clock()
        lead, run = context.log_of(at), context.log_of(at, run_id=7)
        context.server_ahead_s = lambda: hours * 3600.0  # learned after it was shown
        assert lead is not None and run is not None
        lead()
        run()
        moment = at + timedelta(hours=hours)
        assert went == [Place("logs", f"at:{moment.isoformat()}"), Place("logs", "run:7")]
