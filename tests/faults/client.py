"""A client of the server by plain requests, and the list of all that the server has acknowledged to it."""

import base64
import hashlib
import http.client
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.wire.blob_batch import BATCH_BLOB_BYTES, encode_batch
from streams.model.vocabulary import AuditAction

MTIME_NS = 1_700_000_000_000_000_000


class Gone(Exception):
    """The server does not answer, or has cut the connection."""


class Refused(Exception):
    """The server answers that it cannot."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:300].decode('utf-8', 'replace')}")
        self.status = status


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Http:
    """One connection to a server, opened again where it was cut."""

    def __init__(self, port: int, token: str | None = None, timeout_s: float = 180.0) -> None:
        self.port, self.token = port, token
        self._timeout_s = timeout_s
        self._line: http.client.HTTPConnection | None = None

    def __del__(self) -> None:
        self.close()

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """Return the body of the answer; raise Gone or Refused."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = kind
        if self._line is None:
            self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._timeout_s)
        try:
            self._line.request(method, path, body=body, headers=headers)
            answer = self._line.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Gone(repr(error)) from error
        if answer.status >= 300:
            raise Refused(answer.status, data)
        return data

    def get(self, path: str) -> Any:
        return json.loads(self.ask("GET", path))

    def post(self, path: str, body: object = None) -> Any:
        return json.loads(self.ask("POST", path, json.dumps(body or {}).encode()) or b"null")

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


@dataclass(frozen=True, slots=True)
class Version:
    """A name with a content that was acknowledged."""

    client: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run that was told to have ended."""

    run_id: int
    state: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A client that was given a token."""

    client: str
    token: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """Files that were told to be deleted, or to be there again."""

    file_ids: tuple[int, ...]
    deleted: bool | None
    """None while an order is under way: either may be."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A client or files that the server was told to give up: all of them may be gone from then on."""

    client: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of the catalogue that was told to be good."""

    path: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a console that was given out or revoked."""

    name: str
    secret: str
    good: bool | None
    """None while it is revoked: either may be."""


@dataclass(frozen=True, slots=True)
class Set:
    """What an order has set, as the server tells it at a path under a name."""

    path: str
    name: str
    value: object
    """``UNSURE`` while the order is under way: either may be."""


UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that was answered: the audit record has a row of this action for it."""

    action: AuditAction


@dataclass(frozen=True, slots=True)
class GivenOut:
    """Data of a client that were sent: the audit record has a row of this action that names it."""

    action: AuditAction
    client: str


Ack = Version | RunEnd | Enrolled | Deletion | Removal | Copied | Token | Set | Ordered | GivenOut


@dataclass(slots=True)
class Acks:
    """What was acknowledged, each with the number of the last recorded operation by then."""

    clock: Callable[[], int] = lambda: 0
    entries: list[tuple[int, Ack]] = field(default_factory=list[tuple[int, Ack]])
    hurt: frozenset[str] = frozenset()
    """Contents that were damaged before anything began."""

    def add(self, *acks: Ack) -> None:
        self.entries += [(self.clock(), ack) for ack in acks]

    def until(self, number: int) -> "Acks":
        """Return what was acknowledged up to an operation, and each removal: it was asked for before."""
        kept = [(n, ack) for n, ack in self.entries if n <= number or isinstance(ack, Removal)]
        return Acks(entries=kept, hurt=self.hurt)

    def forgiven(self) -> frozenset[str]:
        """Return the contents that need not be good: nobody has sent them again so far."""
        return self.hurt - {ack.sha256 for ack in self.all() if isinstance(ack, Version)}

    def all(self) -> list[Ack]:
        return [ack for _, ack in self.entries]


class Client:
    """A client that backs up: what it sends, and what the server says of it."""

    def __init__(self, port: int, name: str, token: str, acks: Acks) -> None:
        self.http, self.name, self.acks = Http(port, token), name, acks
        self.run_id = 0

    def begin(self) -> None:
        self.run_id = self.http.post("/api/agent/runs", {"trigger": "agent"})["id"]

    def finish(self, state: str = "complete") -> None:
        self.http.post(f"/api/agent/runs/{self.run_id}/finish", {"state": state})
        self.acks.add(RunEnd(self.run_id, state))

    def send(self, contents: Iterable[bytes]) -> None:
        """Send what the server lacks: small ones together, large ones from where it says."""
        by_hash = {sha256_of(content): content for content in contents}
        answer = self.http.post("/api/agent/blobs/missing", {"hashes": list(by_hash)})
        lacking = {each["sha256"]: each.get("received_bytes", 0) for each in answer["missing"]}
        small = {h: by_hash[h] for h in lacking if len(by_hash[h]) <= BATCH_BLOB_BYTES}
        for sha256, offset in lacking.items():
            if sha256 not in small:
                self.upload(by_hash[sha256], offset)
        if small:
            self.http.ask(
                "POST", "/api/agent/blobs/batch", encode_batch(small.items()), "application/octet-stream"
            )

    def upload(self, content: bytes, offset: int = 0, end: int | None = None) -> None:
        path = f"/api/agent/blobs/{sha256_of(content)}?offset={offset}&size={len(content)}"
        self.http.ask("PUT", path, content[offset:end], "application/octet-stream")

    def name_them(self, files: Mapping[str, bytes], mtime_ns: int = MTIME_NS) -> None:
        """Name contents; each is a version from then on."""
        entries = [
            {
                "raw_path": _raw(path),
                "kind": "file",
                "size_bytes": len(content),
                "mtime_ns": mtime_ns,
                "mode": 0o644,
                "sha256": sha256_of(content),
            }
            for path, content in files.items()
        ]
        self.http.post(f"/api/agent/runs/{self.run_id}/entries", {"entries": entries})
        self.acks.add(*(Version(self.name, path, sha256_of(content)) for path, content in files.items()))

    def vanish(self, paths: Iterable[str]) -> None:
        body = {"raw_paths": [_raw(path) for path in paths]}
        self.http.post(f"/api/agent/runs/{self.run_id}/vanished", body)

    def back_up(self, files: Mapping[str, bytes], mtime_ns: int = MTIME_NS) -> None:
        """Run a whole backup of these files."""
        self.begin()
        self.send(files.values())
        self.name_them(files, mtime_ns)
        self.finish()


def _raw(path: str) -> str:
    return base64.b64encode(path.encode()).decode()


def enrol(port: int, console: Http, name: str, acks: Acks) -> tuple[str, str]:
    """Enrol a client; return its id and its token."""
    code = console.post("/api/enrolments", {"name": name})["code"]
    acks.add(Ordered(AuditAction.ENROLMENT_CODE))
    body = {"name": name, "code": code, "platform": "Linux", "agent_version": "0"}
    reply = Http(port).post("/api/enrol", body)
    acks.add(Enrolled(name, reply["token"]), Ordered(AuditAction.ENROLMENT))
    return reply["client_id"], reply["token"]
