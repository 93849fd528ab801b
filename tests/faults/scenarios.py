"""The pieces of work in the middle of which the server dies."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from app.catalogue.copies import copies_in
from app.server.catalogue_backup import FOLDER
from streams.model.vocabulary import AuditAction
from tests.faults.checks import SETTINGS, settings_of
from tests.faults.client import (
    MTIME_NS,
    UNSURE,
    Copied,
    Deletion,
    GivenOut,
    Gone,
    Http,
    Ordered,
    Refused,
    Removal,
    Set,
    Token,
    enrol,
)
from tests.faults.stage import GONE, HURT, Stage, bytes_of

DAYS_40_US = 40 * 86_400 * 1_000_000
PURGED_WITHIN_S = 5.0


def _enrol(stage: Stage) -> None:
    enrol(stage.server.port, stage.server.console(), f"new-{stage.turn}", stage.acks)


def _upload(stage: Stage) -> None:
    large = bytes_of((2 << 20) + 300_000, f"large {stage.turn}")
    stage.client("web").back_up({f"/large-{stage.turn}": large})


def _resume(stage: Stage) -> None:
    stage.client("web").back_up({f"/half-{stage.turn}": stage.begun.half})


def _batch(stage: Stage) -> None:
    files = {f"/small-{stage.turn}-{n}": bytes_of(1500 + n, f"{stage.turn} {n}") for n in range(12)}
    stage.client("web").back_up(files)


def _dedup(stage: Stage) -> None:
    stage.client("db").back_up({f"/copy-{stage.turn}{path}": c for path, c in stage.begun.files.items()})


def _change(stage: Stage) -> None:
    client, paths = stage.client("web"), list(stage.begun.files)
    client.begin()
    changed = {path: bytes_of(900, f"changed {stage.turn} {path}") for path in paths[:4]}
    client.send(changed.values())
    client.name_them(changed, MTIME_NS + 1 + len(stage.turn))
    client.vanish(paths[4:6])
    client.finish()


def _delete(stage: Stage) -> None:
    console, ids = stage.server.console(), stage.begun.file_ids[:5]
    for order, is_deleted in (("delete", True), ("undelete", False)):
        stage.acks.add(Deletion(tuple(ids), None))
        console.post(f"/api/files/{order}", {"file_ids": ids})
        action = AuditAction.DELETE_FILES if is_deleted else AuditAction.UNDELETE_FILES
        stage.acks.add(Deletion(tuple(ids), is_deleted), Ordered(action))


def _purge(stage: Stage) -> None:
    stage.acks.add(Removal(paths=GONE))
    stage.server.change(f"UPDATE files SET deleted_at = deleted_at - {DAYS_40_US} WHERE state = 'deleted'")
    _wait_until(lambda: not stage.server.console().get("/api/files?state=deleted")["rows"])


def _remove(stage: Stage) -> None:
    stage.acks.add(Removal(client="old"))
    console, client_id = stage.server.console(), stage.begun.clients["old"][0]
    with suppress(Refused):  # the second time it is gone
        console.ask("DELETE", f"/api/clients/{client_id}")
        stage.acks.add(Ordered(AuditAction.REMOVE_CLIENT))
    stage.server.change(f"UPDATE clients SET destroy_at = destroy_at - {DAYS_40_US} WHERE name = 'old'")
    _wait_until(lambda: b'"old"' not in console.ask("GET", "/api/clients"))


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PURGED_WITHIN_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def _heal(stage: Stage) -> None:
    stage.server.console().post("/api/verify")
    stage.acks.add(Ordered(AuditAction.VERIFY))
    stage.client("web").back_up({path: stage.begun.files[path] for path in HURT}, MTIME_NS + 1)


def _cancel(stage: Stage) -> None:
    client = stage.client("db")
    client.begin()
    with suppress(Refused):  # an agent that is not connected cannot be asked
        stage.server.console().post(f"/api/runs/{client.run_id}/cancel")
        stage.acks.add(Ordered(AuditAction.CANCEL_RUN))
    client.begin()
    client.finish("failed")


def _copy(stage: Stage) -> None:
    code, said = stage.server.run("backup-catalogue")
    if code:
        raise Gone(f"the catalogue is not copied: {said[-200:]}")
    stage.acks.add(*(Copied(path.name) for _, path in copies_in(stage.server.data / FOLDER)))
    stage.acks.add(Ordered(AuditAction.CATALOGUE_COPY))


def _access(stage: Stage) -> None:
    """Give a token out, use it, and take it back."""
    console, name = stage.server.console(), f"script-{stage.turn}"
    for left in (each for each in console.get("/api/tokens") if each["name"] == name):
        # Of one whose answer never came nobody has the secret: it is taken back and made anew.
        console.ask("DELETE", f"/api/tokens/{left['id']}")
    made = console.post("/api/tokens", {"name": name, "scopes": ["look"]})
    secret = made["secret"]
    stage.acks.add(Token(name, secret, good=True), Ordered(AuditAction.ADD_TOKEN))
    Http(stage.server.port, secret).get("/api/clients")
    stage.acks.add(Token(name, secret, good=None))
    console.ask("DELETE", f"/api/tokens/{made['token']['id']}")
    stage.acks.add(Token(name, secret, good=False), Ordered(AuditAction.REVOKE_TOKEN))


def _orders(stage: Stage) -> None:
    """Set what an administrator sets: a goal, a quota, a protection, a setting of the server."""
    console, client = stage.server.console(), f"/api/clients/{stage.begun.clients['db'][0]}"
    number = 3 + len(stage.acks.entries) % 80  # another one in each turn

    def order(method: str, path: str, body: object, action: AuditAction, set_: Set) -> None:
        stage.acks.add(replace(set_, value=UNSURE))
        console.ask(method, path, json.dumps(body).encode())
        stage.acks.add(set_, Ordered(action))

    goal, quota = Set(client, "goal_s", number * 3600.0), Set(client, "quota_bytes", number << 30)
    order("PATCH", client, {"goal_s": goal.value}, AuditAction.SET_GOAL, goal)
    order("PUT", f"{client}/quota", {"quota_bytes": quota.value}, AuditAction.SET_QUOTA, quota)
    for method, action in (("POST", AuditAction.PROTECT), ("DELETE", AuditAction.UNPROTECT)):
        protected = Set(client, "protected", action is AuditAction.PROTECT)
        order(method, f"{client}/protection", {}, action, protected)
    days = Set(SETTINGS, "server.verify_days", str(number))
    edit = {"name": days.name, "value": days.value, "before": settings_of(console)[days.name]}
    order("PATCH", SETTINGS, {"changes": [edit]}, AuditAction.CHANGE_SETTINGS, days)


def _give_out(stage: Stage) -> None:
    """Restore as a console does: the list of a client, a content by itself, and small ones together."""
    console, acks = stage.server.console(), stage.acks
    console.get(f"/api/tree?client_id={stage.begun.clients['web'][0]}")
    acks.add(GivenOut(AuditAction.FILE_LIST, "web"))
    rows = console.get("/api/files?limit=500")["rows"]
    for name in ("web", "old"):
        file_id = next(row["id"] for row in rows if row["client_name"] == name)
        version_id = console.get(f"/api/files/{file_id}/versions")[0]["id"]
        if name == "web":
            console.ask("GET", f"/api/versions/{version_id}/content")
        else:
            console.ask("POST", "/api/versions/contents", json.dumps({"version_ids": [version_id]}).encode())
        acks.add(GivenOut(AuditAction.DOWNLOAD, name))
    # At whose operations the server dies: what was sent before has its rows by then.
    console.post("/api/enrolments", {"name": "later"})
    acks.add(Ordered(AuditAction.ENROLMENT_CODE))


def _look(stage: Stage) -> None:
    stage.server.console().get("/api/clients")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A piece of work, the folder it begins with, and whether the start of the server belongs to it."""

    name: str
    play: Callable[[Stage], None]
    begins: str = "base"
    with_start: bool = False
    limits: tuple[tuple[str, float], ...] = ()
    again: bool = True
    """Whether a client comes again with the same after a fault."""
    operations: int = 100
    """About how many operations it takes; only to spread a few points over them."""


SOON = (("retention_every_s", 0.2),)
SCENARIOS = {
    each.name: each
    for each in (
        Scenario("enrol", _enrol, operations=59),
        Scenario("upload", _upload, operations=141),
        Scenario("resume", _resume, operations=133),
        Scenario("batch", _batch, operations=186),
        Scenario("dedup", _dedup, operations=140),
        Scenario("change", _change, operations=157),
        Scenario("delete", _delete, operations=113),
        Scenario("purge", _purge, limits=SOON, again=False, operations=93),
        Scenario("remove", _remove, limits=SOON, again=False, operations=109),
        Scenario("heal", _heal, "hurt", operations=226),
        Scenario("cancel", _cancel, operations=116),
        Scenario("copy", _copy, operations=148),
        Scenario("access", _access, operations=60),
        Scenario("orders", _orders, operations=100),
        Scenario("give-out", _give_out, operations=50),
        Scenario("first-start", _look, "empty", with_start=True, again=False, operations=872),
        Scenario("unclean-start", _look, "unclean", with_start=True, again=False, operations=409),
        Scenario("migrate", _look, "old", with_start=True, again=False, operations=512),
    )
}
