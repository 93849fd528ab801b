"""What a simulated server finds at its start: its clients with their tokens and, the first time, a past."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.catalogue.catalogue import Catalogue
from app.fleet.disk import Disk
from app.fleet.past import Past, make_past
from app.fleet.roster import Machine, Temper, make_roster
from app.fleet.trees import make_tree
from app.server.folder import CATALOGUE_FILE
from streams.records.base import utc_now
from streams.records.clients import Client
from streams.vocabulary import Scope


@dataclass(frozen=True, slots=True)
class Member:
    """One client of the fleet: its machine's disk, and who it is to the server."""

    client_id: str
    token: str
    disk: Disk
    past: Past | None
    """Its history, where it is to be written now."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """The fleet as it stands before the server starts."""

    members: tuple[Member, ...]


async def prepare(data_dir: Path, *, count: int, seed: int, quiet: bool = False) -> Seeded:
    """Enrol the machines that the server does not know yet, and give each a token of its own.

    Tokens are made anew at every start, so that none has to be kept.
    """
    now_s = utc_now().timestamp()
    catalogue = await Catalogue.open(data_dir / CATALOGUE_FILE)
    try:
        _, _, known = await catalogue.clients.all()
        by_name = {client.name: client for client in known}
        members: list[Member] = []
        for machine in make_roster(count, seed):
            wanted = replace(machine, temper=Temper.STEADY) if quiet else machine
            members.append(await _member(catalogue, wanted, by_name, seed, now_s))
        return Seeded(tuple(members))
    finally:
        await catalogue.close()


async def _member(
    catalogue: Catalogue, machine: Machine, by_name: Mapping[str, Client], seed: int, now_s: float
) -> Member:
    client, past = by_name.get(machine.name), None
    tree = make_tree(machine, seed, now_s)
    if client is None:
        past = make_past(machine, tree, seed, now_s)
        enrolment = await catalogue.enrolments.create(machine.name)
        client, token = await catalogue.enrolments.redeem(
            machine.name, enrolment.code, machine.platform, machine.agent_version
        )
    else:
        await catalogue.tokens.revoke_client(client.id)
        token = await catalogue.tokens.issue(Scope.AGENT, client_id=client.id, label=machine.name)
    return Member(client.id, token, Disk(machine, tree), past)
