"""Every answer, event and line has a most number of bytes, however much there is to say."""

from pathlib import Path

import pytest

from app.server import verification
from app.server.error_answers import problem_response
from app.wire.http import Problem
from app.wire.limits import MAX_REASON
from streams.model.files import VerifyResult
from tests.app.server.test_commands import damage
from tests.servers import a_server


async def test_the_answer_of_a_verification_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_LISTED", 3)
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({f"/{number}": b"%d" % number for number in range(10)})
        for number in range(8):
            await damage(server, b"%d" % number)
        result = await server.post("/api/verify", None, VerifyResult)
        assert (result.checked, len(result.damaged), result.more_damaged) == (10, 3, 5)
        (transfer,) = await server.get("/api/transfers")
        assert transfer["reason"] == "8 damaged"


async def test_names_in_events_and_lines_are_bounded(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        long = "/" + "/".join(["n" * 250] * 16)
        await agent.back_up({long: b"x"})
        (row,) = (await server.get("/api/files"))["rows"]
        await server.post("/api/files/delete", {"file_ids": [row["id"]]})
        line = (await server.get("/api/activity"))[0]
        assert line["kind"] == "files_deleted" and len(line["reason"]) == MAX_REASON
        event = (await server.room.catalogue.events.after(line["seq"] - 1))[0]
        assert event.files is not None and len(event.files.path) == MAX_REASON


async def test_a_refusal_is_bounded_whatever_it_repeats() -> None:
    problem = problem_response(Problem(code="bad_request", message="x" * 10**6, detail="y" * 10**6))
    assert isinstance(problem.body, bytes) and len(problem.body) < 10_000
