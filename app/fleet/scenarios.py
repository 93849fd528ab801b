"""Scenarios for demonstrations: events that concern the whole fleet, all through the server's API."""

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

import aiohttp
import structlog

from app.agent.api import Api
from app.config.sections import ServerSettings
from app.fleet.disk import Disk
from app.fleet.roster import Temper, make_roster
from app.fleet.seeding import Member
from app.fleet.trees import make_tree
from app.wire.http import EnrolmentReply, EnrolmentRequest, EnrolReply, EnrolRequest
from streams.model.clients import ClientHoldings

if TYPE_CHECKING:
    from app.fleet.fleet import Fleet

log = structlog.stdlib.get_logger(__name__)

MINUTE_S, HOUR_S = 60.0, 3600.0
GROWTH_EVERY_S = 20 * MINUTE_S
GROWTH_FACTOR = 8.0
CHURN_EVERY_S = 10 * MINUTE_S
FILL_FACTOR = 40.0
FILL_WARN_BYTES, FILL_REFUSE_BYTES = 128 * 1024, 384 * 1024
"""After how many more bytes for each machine the server warns, and after how many it takes no more."""
RUSH_S = 30 * MINUTE_S
NIGHT_S = 8 * HOUR_S
NIGHT_FAILURE_RATIO = 0.75
NIGHT_DOWN_RATIO = 0.2
NIGHT_REASON = "the network share //nas-home/projects did not answer"
GUESS_EVERY_S = 1.0
"""Between two guesses of the attack, in real time."""
ATTACKER = "127.0.0.66"
"""The address from which the attack comes, where a machine has more than one loopback address."""


class Scenario(StrEnum):
    """A scenario of mock.scenario."""

    NONE = ""
    GROWTH = "growth"
    CHURN = "churn"
    FULL_DISK = "full-disk"
    ATTACK = "attack"
    BAD_NIGHT = "bad-night"


def server_settings(scenario: Scenario, free_bytes: int, clients: int) -> ServerSettings:
    """Return the settings of the server for a scenario; ``free_bytes`` of its disk are free now."""
    if scenario is not Scenario.FULL_DISK:
        return ServerSettings()
    return ServerSettings(
        warn_free_bytes=max(0, free_bytes - clients * FILL_WARN_BYTES),
        least_free_bytes=max(0, free_bytes - clients * FILL_REFUSE_BYTES),
    )


async def play(scenario: Scenario, fleet: "Fleet", operator: Api) -> None:
    """Play a scenario; ``operator`` asks with the token of a console."""
    match scenario:
        case Scenario.GROWTH:
            fleet.circumstances.conditions.change_factor = GROWTH_FACTOR
            await _grow(fleet, operator)
        case Scenario.CHURN:
            await _churn(fleet, operator)
        case Scenario.FULL_DISK:
            fleet.circumstances.conditions.change_factor = FILL_FACTOR
            fleet.rush(RUSH_S)
        case Scenario.ATTACK:
            await _attack(fleet)
        case Scenario.BAD_NIGHT:
            await _bad_night(fleet)
        case Scenario.NONE:
            pass


async def _grow(fleet: "Fleet", operator: Api) -> None:
    number = 0
    while True:
        number += 1
        await _enrol(fleet, operator, number)
        await _pause(fleet, GROWTH_EVERY_S)


async def _churn(fleet: "Fleet", operator: Api) -> None:
    """Let a machine come, and one that has been there for long go, in turn."""
    number = 0
    rng = Random(f"{fleet.seed}:churn")
    while True:
        number += 1
        await _enrol(fleet, operator, number)
        await _pause(fleet, CHURN_EVERY_S)
        leaving = [client for client in fleet.clients if not client.busy]
        if leaving:
            client = rng.choice(leaving)
            await operator.call("DELETE", f"/api/clients/{client.client_id}", ClientHoldings)
            fleet.leave(client)
        await _pause(fleet, CHURN_EVERY_S)


async def _enrol(fleet: "Fleet", operator: Api, number: int) -> None:
    """Make one more machine a client, as an operator and its agent do, and let it live."""
    newcomer = make_roster(fleet.size + number, fleet.seed)[-1]
    machine = replace(newcomer, temper=Temper.STEADY, reason=None, trouble_s=0.0, office_hours=False)
    code = await operator.call(
        "POST", "/api/enrolments", EnrolmentReply, json=EnrolmentRequest(name=machine.name)
    )
    request = EnrolRequest(
        name=machine.name, code=code.code, platform=machine.platform, agent_version=machine.agent_version
    )
    async with Api(fleet.address) as agent:
        reply = await agent.call("POST", "/api/enrol", EnrolReply, json=request)
    now_s = fleet.circumstances.clock.now_s()
    disk = Disk.new(machine, make_tree(machine, fleet.seed, now_s), now_s)
    fleet.join(Member(reply.client_id, reply.token, disk))


async def _attack(fleet: "Fleet") -> None:
    """Try tokens and enrolment codes that are wrong, one after the other."""
    rng = Random(f"{fleet.seed}:attack")
    targets = [client.disk.machine.name for client in fleet.clients]
    async with _attacker(fleet) as session:
        while True:
            try:
                await _guess(session, rng.choice(targets), by_code=rng.random() < 0.2)
            except (aiohttp.ClientError, OSError) as error:
                log.info("guess_not_answered", reason=str(error))
            await asyncio.sleep(GUESS_EVERY_S * rng.uniform(0.5, 1.5))


@contextlib.asynccontextmanager
async def _attacker(fleet: "Fleet") -> AsyncGenerator[aiohttp.ClientSession]:
    """Open a session from another address: limits of the attacker's must not hit the console."""
    local = (ATTACKER, 0) if sys.platform == "linux" and fleet.address.url.host == "127.0.0.1" else None
    connector = aiohttp.TCPConnector(local_addr=local)
    async with aiohttp.ClientSession(base_url=fleet.address.url.origin(), connector=connector) as session:
        yield session


async def _guess(session: aiohttp.ClientSession, target: str, *, by_code: bool) -> None:
    if by_code:
        body = {"name": target, "code": secrets.token_hex(8)}
        async with session.post("/api/enrol", json=body) as response:
            await response.read()
        return
    headers = {"Authorization": f"Bearer {secrets.token_urlsafe(32)}"}
    async with session.get("/api/clients", headers=headers) as response:
        await response.read()


async def _bad_night(fleet: "Fleet") -> None:
    """Let most backups of one night fail and some machines lose their network; then all is well again."""
    conditions = fleet.circumstances.conditions
    rng = Random(f"{fleet.seed}:night")
    names = [client.disk.machine.name for client in fleet.clients]
    conditions.failure_ratio, conditions.failure_reason = NIGHT_FAILURE_RATIO, NIGHT_REASON
    conditions.down.update(rng.sample(names, round(NIGHT_DOWN_RATIO * len(names))))
    fleet.rush(RUSH_S)
    await _pause(fleet, NIGHT_S)
    conditions.failure_ratio = 0.0
    conditions.down.clear()


async def _pause(fleet: "Fleet", seconds: float) -> None:
    await asyncio.sleep(fleet.circumstances.clock.real_s(seconds))
