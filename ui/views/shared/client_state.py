"""Judgements about a client that several views share: what it lacks, and what may be asked of it."""

from datetime import datetime

from streams.model.clients import Client
from streams.model.vocabulary import ClientState


def is_failing(client: Client) -> bool:
    """Whether its backups have failed since the last good one."""
    return client.failing_since is not None


def is_marked(client: Client) -> bool:
    """Whether it is to be removed, which can be undone until then."""
    return client.destroy_at is not None


def is_revoked(client: Client) -> bool:
    """Whether it has to be enrolled again; one that is to be removed has not."""
    return client.state is ClientState.REVOKED and not is_marked(client)


def can_be_allowed(client: Client) -> bool:
    """Whether it can be let in again: it is disconnected, and that is all that keeps it out."""
    return client.state is ClientState.DISCONNECTED and not is_marked(client)


def is_let_in(client: Client) -> bool:
    """Whether a backup can be asked of it: it is neither shut out nor to be removed."""
    return client.state.let_in and not is_marked(client)


def is_overdue(client: Client, now: datetime) -> bool:
    """Whether its last good backup is older than its goal, or there is none."""
    return not client.within_goal(now)
