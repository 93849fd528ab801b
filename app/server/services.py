"""The parts of a running server, by name; a handler takes from it what it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.catalogue.catalogue import Catalogue
from app.config.configured import ConfiguredServer
from app.runtime.tasks import Tasks
from app.server.agents import AgentsHub
from app.server.audit import Audit
from app.server.backups import Backups
from app.server.bodies import BodyBudget
from app.server.catalogue_backup import CatalogueBackups
from app.server.client_registry import Roster
from app.server.databases import Databases
from app.server.door import Door
from app.server.event_log import say
from app.server.hub import Hub
from app.server.large_answers import answer_budget
from app.server.limits import Limits
from app.server.live_settings import LiveSettings
from app.server.logbook import Logbook
from app.server.logins import Logins
from app.server.peers import Peers
from app.server.presence import Presence
from app.server.progress import ProgressBoard
from app.server.quota import Quota
from app.server.rate_limit import GuessLimit
from app.server.removal import ClientRemoval
from app.server.revocations import RevocationKeeper
from app.server.running import RunningRuns
from app.server.scheduled_verification import ScheduledVerification
from app.server.status import StatusSampler
from app.server.store_moment import StoreMomentKeeper
from app.server.switch import Switch
from app.server.transfers import TransferBoard
from app.server.uploads import UploadGate
from app.server.verification import Verification
from app.store.store import Store
from streams.model.vocabulary import Topic


@dataclass(frozen=True, kw_only=True)
class Room:
    """What one server consists of."""

    data_dir: Path
    limits: Limits
    settings: LiveSettings
    catalogue: Catalogue
    store: Store
    tasks: Tasks
    hub: Hub
    logbook: Logbook
    audit: Audit
    logins: Logins
    roster: Roster
    progress: ProgressBoard
    transfers: TransferBoard
    agents: AgentsHub
    presence: Presence
    running: RunningRuns
    switch: Switch
    backups: Backups
    removal: ClientRemoval
    uploads: UploadGate
    quota: Quota
    verification: Verification
    store_moment: StoreMomentKeeper
    revocations: RevocationKeeper
    scheduled_verification: ScheduledVerification
    catalogue_backups: CatalogueBackups
    databases: Databases
    status: StatusSampler
    door: Door
    peers: Peers
    bodies: BodyBudget
    answers: BodyBudget
    code_guesses: GuessLimit
    token_guesses: GuessLimit
    events_port: int
    fingerprint: str
    """What clients pin of the server's key; empty where they need not."""
    simulated: bool


def build_services(
    *,
    data_dir: Path,
    configured: ConfiguredServer,
    limits: Limits,
    catalogue: Catalogue,
    store: Store,
    hub: Hub,
    logbook: Logbook,
    connections: Callable[[], int],
    events_port: int,
    door: Door,
    fingerprint: str,
    revocations: RevocationKeeper,
    simulated: bool,
) -> Room:
    """Build the parts and wire them: what is committed reaches the roster, the runs and the consoles."""
    tasks = Tasks()
    roster = Roster()
    audit = Audit(catalogue.audit, logbook)
    progress = ProgressBoard(hub.publish_conflated, limits.frames_every_s)
    transfers = TransferBoard(hub.publish_conflated, limits.frames_every_s)
    agents = AgentsHub(catalogue=catalogue, roster=roster, progress=progress, limits=limits, tasks=tasks)
    running = RunningRuns(catalogue=catalogue, agents=agents, progress=progress, limits=limits)
    switch = Switch(catalogue=catalogue, running=running, limits=limits, tasks=tasks)
    quota = Quota(catalogue=catalogue, store=store, limits=limits)
    backups = Backups(
        catalogue=catalogue,
        roster=roster,
        agents=agents,
        running=running,
        switch=switch,
        quota=quota,
        limits=limits,
        data_dir=data_dir,
        tasks=tasks,
    )
    uploads = UploadGate(limits)
    scheduled_verification = ScheduledVerification(
        catalogue=catalogue, store=store, uploads=uploads, limits=limits
    )
    verification = Verification(
        catalogue=catalogue, store=store, transfers=transfers, roster=roster, tasks=tasks
    )
    session = catalogue.session
    catalogue_backups = CatalogueBackups(
        catalogue.path, limits, failure=lambda: session.failure if session is not None else None
    )
    databases = Databases(catalogue.path, limits, publish=hub.publish_conflated, listened=hub.listened)
    status = StatusSampler(
        data_dir=data_dir,
        catalogue=catalogue,
        store=store,
        hub=hub,
        agents=agents,
        roster=roster,
        progress=progress,
        transfers=transfers,
        switch=switch,
        uploads=uploads,
        verification=scheduled_verification.status,
        catalogue_status=lambda: msgspec.structs.replace(
            catalogue_backups.status(), ages_judged_by=catalogue.known_time.held_at
        ),
        limits=limits,
        connections=connections,
    )
    hub.on_event(roster.note)
    hub.on_event(running.note)
    hub.on_event(say)
    hub.keep(Topic.STATUS, status.newest)
    hub.keep(Topic.PROGRESS, progress.newest)
    hub.keep(Topic.TRANSFERS, transfers.newest)
    catalogue.tokens.on_revoked.append(lambda token: hub.close_token(token.id))
    catalogue.tokens.on_revoked.append(lambda token: agents.close_token(token.id))
    catalogue.tokens.on_revoked.append(lambda token: databases.close_token(token.id))
    return Room(
        data_dir=data_dir,
        limits=limits,
        settings=LiveSettings(configured=configured, limits=limits, catalogue=catalogue),
        catalogue=catalogue,
        store=store,
        tasks=tasks,
        hub=hub,
        logbook=logbook,
        audit=audit,
        logins=Logins(audit, catalogue.tokens, roster),
        roster=roster,
        progress=progress,
        transfers=transfers,
        agents=agents,
        presence=agents.presence,
        running=running,
        switch=switch,
        backups=backups,
        removal=ClientRemoval(
            catalogue=catalogue,
            store=store,
            agents=agents,
            running=running,
            limits=limits,
            tasks=tasks,
        ),
        uploads=uploads,
        quota=quota,
        verification=verification,
        revocations=revocations,
        store_moment=StoreMomentKeeper(catalogue, store, verification),
        scheduled_verification=scheduled_verification,
        catalogue_backups=catalogue_backups,
        databases=databases,
        status=status,
        door=door,
        peers=Peers(limits.trusted_proxies),
        bodies=BodyBudget(),
        answers=answer_budget(),
        code_guesses=GuessLimit(limits.enrol_failures),
        token_guesses=GuessLimit(limits.wrong_tokens),
        events_port=events_port,
        fingerprint=fingerprint,
        simulated=simulated,
    )
