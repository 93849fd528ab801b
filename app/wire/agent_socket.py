"""The frames of the agent socket: one JSON object each, told apart by ``type``."""

import msgspec
from msgspec.structs import force_setattr

from app.wire.limits import MAX_LABEL, Count, Number, Size, spoken
from streams.model.base import Record
from streams.model.clients import Client
from streams.model.vocabulary import RunTrigger


class AgentHello(Record, frozen=True, kw_only=True, tag_field="type", tag="agent_hello"):
    """The server's first frame to an agent."""

    protocol: int
    client: Client


class Command(Record, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """Asks an agent to do something now; answered by a CommandAck of the same id."""

    id: int
    kind: str
    """``backup`` or ``cancel``."""
    run_id: int | None = None
    """The run to cancel."""
    reason: str = ""
    """Why it is to end."""
    trigger: RunTrigger = RunTrigger.OPERATOR


class AgentProblem(Record, frozen=True, kw_only=True, tag_field="type", tag="problem"):
    """Why the server closes this agent's socket."""

    code: str
    message: str


class Heartbeat(Record, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """An agent is there."""


class AgentProgress(Record, frozen=True, kw_only=True, tag_field="type", tag="progress"):
    """How far an agent's running backup is; only the newest counts."""

    run_id: Number
    files_done: Count = 0
    files_total: Count | None = None
    bytes_done: Size = 0
    bytes_total: Size | None = None
    current_path: str = ""

    def __post_init__(self) -> None:
        """Make the path such that it can be shown."""
        force_setattr(self, "current_path", spoken(self.current_path, MAX_LABEL))


class CommandAck(Record, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """Whether an agent does what it was told."""

    id: Number
    accepted: bool
    reason: str | None = None

    def __post_init__(self) -> None:
        """Make the reason such that it can be shown."""
        if self.reason is not None:
            force_setattr(self, "reason", spoken(self.reason))


ToAgentFrame = AgentHello | Command | AgentProblem
FromAgentFrame = Heartbeat | AgentProgress | CommandAck

decode_to_agent = msgspec.json.Decoder(ToAgentFrame).decode
"""JSON bytes to a frame for an agent; raises ``msgspec.DecodeError`` on anything else."""
decode_from_agent = msgspec.json.Decoder(FromAgentFrame).decode
"""JSON bytes to a frame of an agent; raises ``msgspec.DecodeError`` on anything else."""
