"""A server from its start to its end: what it needs is opened in order and closed in the reverse one."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from app.catalogue.catalogue import Catalogue
from app.catalogue.session import Session
from app.config.configured import ConfiguredServer
from app.config.sections import ServerSettings
from app.runtime.process import open_files_limit
from app.server.accepting import Acceptor
from app.server.application import http_application, socket_application
from app.server.certificate import FOLDER as TLS_FOLDER
from app.server.certificate import keep_current, note_fingerprint, own_certificate, pinned_fingerprint
from app.server.data_dir import (
    CATALOGUE_FILE,
    STORE_FOLDER,
    TOKEN_FILE,
    check_catalogue_is_there,
    held,
    writable,
)
from app.server.door import Door, check_file_limit
from app.server.hub import Hub
from app.server.limits import Limits, configured_of
from app.server.logbook import Logbook
from app.server.malformed import Runner
from app.server.ports import OWN_TLS, ServedTls, listen, tls_context
from app.server.retention import keep_tidy
from app.server.revocations import RevocationKeeper
from app.server.services import Room, build_services
from app.server.start import begin_audit, console_token, prepare_store
from app.store.store import Store
from streams.model.vocabulary import EventKind, ServerState

log = structlog.stdlib.get_logger(__name__)

RESTARTED = "the server was restarted"
CLOSE_S = 1.2
"""How long open requests and sockets may take when the server ends; then they are cut."""


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """Where a running server is."""

    host: str
    port: int
    events_port: int
    tls: bool
    fingerprint: str
    """What clients pin; empty without TLS, or where an authority vouches for the certificate."""
    token_file: Path
    database_path: Path
    new_token: str | None
    """The console's token where it was made just now, which is the only time it is told; else None."""

    @property
    def url(self) -> str:
        """Return the address of its HTTP API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


async def serve(
    data_dir: Path,
    *,
    host: str,
    port: int,
    settings: ConfiguredServer | ServerSettings | Limits,
    tls: ServedTls | None = None,
    simulated: bool = False,
    new_catalogue: bool = False,
    new_store: bool = False,
    ready: Callable[[ServerInfo], None] | None = None,
    stop: asyncio.Event,
) -> None:
    """Run a server on ``data_dir`` until ``stop`` is set; ``ready`` is called once it answers.

    Raises a ``TidewatchError`` where it cannot start: port taken, folder not writable, in use or newer, its
    catalogue lost, unless a ``new_catalogue`` is wished, or its store, unless a ``new_store`` is.
    """
    async with running_room(
        data_dir,
        host=host,
        port=port,
        settings=settings,
        tls=tls,
        simulated=simulated,
        new_catalogue=new_catalogue,
        new_store=new_store,
    ) as (_, info):
        if ready is not None:
            ready(info)
        await stop.wait()
        log.info("ending")


@asynccontextmanager
async def running_room(
    data_dir: Path,
    *,
    host: str,
    port: int,
    settings: ConfiguredServer | ServerSettings | Limits,
    tls: ServedTls | None = None,
    simulated: bool = False,
    new_catalogue: bool = False,
    new_store: bool = False,
) -> AsyncGenerator[tuple[Room, ServerInfo]]:
    """Run a server for the length of a block; gives its parts and where it is."""
    configured = configured_of(settings)
    limits = settings if isinstance(settings, Limits) else Limits.of(configured.settings)
    async with AsyncExitStack() as stack:
        http_socket, event_socket = await listen(host, port)
        stack.callback(http_socket.close)
        stack.callback(event_socket.close)
        folder = held(data_dir)
        await asyncio.to_thread(folder.__enter__)
        stack.callback(folder.__exit__, None, None, None)
        port, events_port = http_socket.getsockname()[1], event_socket.getsockname()[1]

        with writable(data_dir):
            context, fingerprint = await asyncio.to_thread(_secured, data_dir, host, tls)
        if not new_catalogue:
            await asyncio.to_thread(check_catalogue_is_there, data_dir)
        store = Store(data_dir / STORE_FOLDER)
        stack.push_async_callback(store.close)
        is_known = await prepare_store(store, data_dir, anew=new_store or new_catalogue)
        hub = Hub(limits)
        logbook = await stack.enter_async_context(Logbook(data_dir, hub).listening())
        catalogue = await Catalogue.open(
            data_dir / CATALOGUE_FILE,
            on_commit=hub.publish,
            stored_sizes=store.sizes,
            raw_sizes=store.raw_sizes,
            session=Session(data_dir / CATALOGUE_FILE),
        )
        stack.push_async_callback(catalogue.close)
        if is_known:
            await catalogue.keep_store(store.identity)
        revocations = await RevocationKeeper.begun(catalogue, store)
        new_token = await console_token(catalogue, data_dir / TOKEN_FILE)

        runners: list[web.AppRunner] = []
        acceptors: list[Acceptor] = []
        door = Door(open_files_limit(), head_s=limits.head_s)
        room = build_services(
            data_dir=data_dir,
            configured=configured,
            limits=limits,
            catalogue=catalogue,
            store=store,
            hub=hub,
            logbook=logbook,
            connections=lambda: sum(_connections(runner) for runner in runners),
            events_port=events_port,
            door=door,
            fingerprint=fingerprint,
            revocations=revocations,
            simulated=simulated,
        )
        await begin_audit(room.audit, catalogue, data_dir)
        await room.settings.begin(audited=not isinstance(settings, Limits))
        for close in (room.audit.close, room.tasks.close, room.databases.close):
            stack.push_async_callback(close)
        await catalogue.clients.mark_all_offline()
        await catalogue.runs.fail_orphans(RESTARTED)
        _, _, clients = await catalogue.clients.all()
        room.roster.fill(clients)
        check_file_limit(len(clients))
        await catalogue.events.record(EventKind.SERVER_STARTED, server_state=ServerState.RUNNING)

        stack.push_async_callback(_close_runners, room, runners, acceptors)
        for app, listening in (
            (http_application(room), http_socket),
            (socket_application(room), event_socket),
        ):
            runners.append(Runner(app, door, shutdown_s=limits.shutdown_s))
            acceptors.append(await _acceptor(runners[-1], listening, door, context, tls is OWN_TLS))
        await room.store_moment.begin()
        _start_work(room, store_known=is_known)
        if context is not None and tls is OWN_TLS:
            room.tasks.keep(partial(keep_current, data_dir / TLS_FOLDER, host, context), "certificate")
        # Last, and nothing is waited for before ``ready`` is called: who is answered meets a started server.
        for acceptor in acceptors:
            acceptor.start()
        yield (
            room,
            ServerInfo(
                host=host,
                port=port,
                events_port=events_port,
                tls=tls is not None,
                fingerprint=fingerprint,
                token_file=data_dir / TOKEN_FILE,
                database_path=data_dir / CATALOGUE_FILE,
                new_token=new_token,
            ),
        )


async def _take_over(room: Room) -> None:
    """Find out what a new store lacks, so that it is sent again; only then is it the catalogue's own."""
    await room.verification.everything()
    await room.catalogue.keep_store(room.store.identity)


async def _acceptor(
    runner: web.AppRunner, listening: socket.socket, door: Door, tls: ssl.SSLContext | None, own_tls: bool
) -> Acceptor:
    """Return what accepts on ``listening`` once it is started, and lets ``runner`` answer.

    Whoever gives a certificate wants TLS everywhere; without one only other machines have to speak it.
    """
    await runner.setup()
    assert runner.server is not None
    return Acceptor(listening, runner.server, door, tls, plain_on_loopback=own_tls)


def _secured(data_dir: Path, host: str, tls: ServedTls | None) -> tuple[ssl.SSLContext | None, str]:
    """Return what serves TLS and what clients pin of it, and note that for the programs on this machine."""
    if tls is OWN_TLS:
        files = own_certificate(data_dir / TLS_FOLDER, host)
        tls = ServedTls(tls_context(*files), pinned_fingerprint(files[0]))
    context, fingerprint = (None, "") if tls is None else (tls.context, tls.fingerprint)
    note_fingerprint(data_dir, fingerprint)
    return context, fingerprint


def _start_work(room: Room, *, store_known: bool) -> None:
    """Begin what goes on beside the requests."""
    limits = room.limits

    async def write_seen() -> None:
        while True:
            await asyncio.sleep(limits.seen_every_s)
            await room.presence.write_seen()
            await room.logins.write_used()

    async def tidy() -> None:
        await keep_tidy(room.catalogue, room.store, limits)

    work: dict[str, Callable[[], Awaitable[None]]] = {
        "progress": room.progress.ticker.run,
        "transfers": room.transfers.ticker.run,
        "status": room.status.run,
        "log-frames": room.logbook.send,
        "log-files": room.logbook.write_down,
        "audit": room.audit.run,
        "removal": room.removal.run,
        "seen": write_seen,
        "presence": room.presence.run,
        "lost-runs": room.running.sweep,
        "connections": room.door.run,
        "retention": tidy,
        "store-moment": room.store_moment.run,
        "revocations": room.revocations.run,
        "verification": room.scheduled_verification.run,
        "catalogue-backups": room.catalogue_backups.run,
        "databases": room.databases.run,
    }
    if not store_known:
        work["new-store"] = partial(_take_over, room)
    for name, run in work.items():
        room.tasks.keep(run, name)


async def _close_runners(room: Room, runners: list[web.AppRunner], acceptors: list[Acceptor]) -> None:
    """Say goodbye on the sockets, let requests end for a moment, then cut them; uploads keep what came."""
    try:
        async with asyncio.timeout(CLOSE_S):
            for acceptor in acceptors:
                await acceptor.stop()
            room.hub.close()
            await room.agents.close()
            await asyncio.gather(*(runner.cleanup() for runner in runners))
    except TimeoutError:
        log.warning("connections_cut")


def _connections(runner: web.AppRunner) -> int:
    return 0 if runner.server is None else len(runner.server.connections)
