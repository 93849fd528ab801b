"""The dashboard tells of the scheduled verification, and leads to it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from streams.model.server import VerificationStatus
from streams.model.vocabulary import VerificationState
from tests.ui import fleet
from tests.ui.dashboard_stage import Stage, stage
from tests.ui.harness import NOON
from ui.base.context import Place
from ui.base.format import Formatter
from ui.base.theme import Tone
from ui.views.dashboard.verification import VerificationLine, present_verification

FINE = VerificationStatus(
    state=VerificationState.IDLE,
    within_days=30,
    content_count=91_204,
    oldest_at=NOON - timedelta(days=21, hours=4),
)
BEHIND = replace(FINE, overdue_count=1204, oldest_at=NOON - timedelta(days=45))
DAMAGED = replace(FINE, damaged_count=3)
FAILING = replace(FINE, state=VerificationState.FAILING, reason="The disk is away. Mount it.")


def line_of(status: VerificationStatus | None) -> VerificationLine:
    return present_verification(status, NOON, Formatter())


@pytest.mark.parametrize(
    ("status", "text", "wrong", "tone"),
    [
        (None, "", "", Tone.QUIET),
        (FINE, "All contents verified within 30 d · oldest 21 d", "", Tone.OK),
        (
            replace(FINE, state=VerificationState.RUNNING),
            "All contents verified within 30 d · verifying now",
            "",
            Tone.OK,
        ),
        (
            replace(BEHIND, state=VerificationState.PAUSED),
            "98.7 % of the contents verified within 30 d · waiting for uploads",
            "Verification behind, oldest 45 d",
            Tone.WARNING,
        ),
        (
            replace(BEHIND, overdue_count=1),
            "99.9 % of the contents verified within 30 d · oldest 45 d",
            "Verification behind, oldest 45 d",
            Tone.WARNING,
        ),
        (
            DAMAGED,
            "3 contents damaged · all others verified within 30 d · oldest 21 d",
            "3 contents damaged",
            Tone.BAD,
        ),
        (FAILING, "Verification failing: The disk is away. Mount it.", "Verification failing", Tone.BAD),
        (
            replace(FINE, state=VerificationState.OFF, within_days=0),
            "Scheduled verification is off",
            "",
            Tone.WARNING,
        ),
        (replace(FINE, content_count=0, oldest_at=None), "No stored contents to verify yet", "", Tone.QUIET),
    ],
)
def test_the_line(status: VerificationStatus | None, text: str, wrong: str, tone: Tone) -> None:
    line = line_of(status)
    assert (line.text, line.wrong, line.tone) == (text, wrong, tone)


def test_the_exact_numbers_stand_behind_it() -> None:
    assert line_of(BEHIND).exact.startswith(
        "90,000 of 91,204 contents read or received within 30 d.\nOldest: "
    )
    assert line_of(DAMAGED).exact.startswith(
        "The next backup of each client that still has them mends them.\n"
    )


def tell(s: Stage, verification: VerificationStatus) -> None:
    s.streams.status.on_next(s.streams.ok(replace(fleet.status(s.h.now()), verification=verification)))
    s.h.frame()


async def test_damage_is_a_reason_to_look_and_leads_to_the_files() -> None:
    async with stage() as s:
        h = s.h
        assert "All contents verified within 30 d · oldest 21 d" in h.texts(s.view.server)
        assert "3 contents damaged" not in h.texts(s.view.safety)
        tell(s, DAMAGED)
        assert "3 contents damaged" in h.texts(s.view.safety)
        await h.fire(s.view.safety._damage.control, "click")
        await h.fire(s.view.server._verified_line, "click")
        assert s.went == [Place("files", "damaged")] * 2
        tell(s, FINE)
        assert s.view.safety._damage.control.visible is False


async def test_the_icon_shows_the_worse_of_clients_and_contents() -> None:
    async with stage() as s:
        for client in fleet.clients(s.h.now()):
            if client.failing_since is not None or client.last_success_at is None:
                s.streams.clients.remove(client.id)
        s.h.frame()
        before = s.view.safety._icon.color
        tell(s, FAILING)
        assert s.view.safety._icon.color == Tone.BAD.color != before
        tell(s, FINE)
        assert s.view.safety._icon.color == before
