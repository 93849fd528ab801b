"""The frames of the agent socket: one JSON object each, told apart by ``type``."""

import msgspec

from app.protocol import Number
from streams.records.base import Record
from streams.records.clients import Client
from streams.vocabulary import RunTrigger


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
    files_done: Number = 0
    files_total: Number | None = None
    bytes_done: Number = 0
    bytes_total: Number | None = None
    current_path: str = ""


class CommandAck(Record, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """Whether an agent does what it was told."""

    id: int
    accepted: bool
    reason: str | None = None


ToAgentFrame = AgentHello | Command | AgentProblem
FromAgentFrame = Heartbeat | AgentProgress | CommandAck

decode_to_agent = msgspec.json.Decoder(ToAgentFrame).decode
"""JSON bytes to a frame for an agent; raises ``msgspec.DecodeError`` on anything else."""
decode_from_agent = msgspec.json.Decoder(FromAgentFrame).decode
"""JSON bytes to a frame of an agent; raises ``msgspec.DecodeError`` on anything else."""
