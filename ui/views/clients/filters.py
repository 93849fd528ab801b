"""Filters of the clients view: the four cards, the states, and the search."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import flet as ft

from streams.model.clients import Client
from streams.model.vocabulary import ClientState, RunState
from ui.base.format import Formatter, count_text
from ui.base.theme import BACKING_UP, BACKUP_QUEUED, FAILING, OVERDUE, TO_BE_REMOVED, Tone, look
from ui.components.filter_cards import CardWords, FilterCard
from ui.components.toolbar import Choice
from ui.views.clients.present import ClientRow
from ui.views.shared.client_state import is_failing, is_marked, is_overdue, is_revoked

ALL = "all"
CARDS = (
    FilterCard("all", "Total", "Show all clients"),
    FilterCard("online", "Online", "Show the clients that are connected"),
    FilterCard("failing", "Failing", "Show the clients whose backups fail"),
    FilterCard("large", "Average size", "Show the clients larger than the average"),
)
STATES = (
    Choice(ALL, "All"),
    Choice("online", "Online", look(ClientState.ONLINE).icon, Tone.OK),
    Choice("running", "Backing up", BACKING_UP.icon, BACKING_UP.tone),
    Choice("failing", "Failing", FAILING.icon, FAILING.tone),
    Choice("overdue", "Overdue", OVERDUE.icon, OVERDUE.tone),
    Choice("not_safe", "Overdue or failing", OVERDUE.icon, OVERDUE.tone),
    Choice("offline", "Offline", look(ClientState.OFFLINE).icon, Tone.QUIET),
    Choice("disconnected", "Disconnected", look(ClientState.DISCONNECTED).icon, Tone.QUIET),
    Choice("revoked", "Revoked", look(ClientState.REVOKED).icon, look(ClientState.REVOKED).tone),
    Choice("marked", "To be removed", TO_BE_REMOVED.icon, TO_BE_REMOVED.tone),
    Choice("protected", "Protected", ft.Icons.LOCK, Tone.QUIET),
    Choice("never", "Never connected", look(ClientState.NEVER).icon, Tone.QUIET),
    Choice("queued", "Backup queued", BACKUP_QUEUED.icon, BACKUP_QUEUED.tone),
    Choice("large", "Larger than average"),
    *(
        Choice(f"last:{state}", f"Last run {look(state).word}", look(state).icon, look(state).tone)
        for state in (RunState.COMPLETE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)
    ),
    Choice("last:none", "No run has ended yet", ft.Icons.CLOUD_OFF, Tone.QUIET),
)
FILTERS = frozenset(choice.key for choice in STATES)
_WORDS = {f"state:{state}": str(state) for state in ClientState}


def filter_named(word: str) -> str | None:
    """Return the filter that a link means, by its name or as ``state:offline``; None for an unknown one."""
    name = _WORDS.get(word, word)
    return name if name in FILTERS else None


def average_bytes(clients: Iterable[Client]) -> float | None:
    """Return the mean size of the clients that have anything stored; None without one."""
    sizes = [client.stored_bytes for client in clients if client.stored_bytes]
    return sum(sizes) / len(sizes) if sizes else None


def matcher(
    state: str, text: str, *, clock: Callable[[], datetime], average: float | None
) -> Callable[[ClientRow], bool] | None:
    """Return what keeps a row under these filters; None where all are kept."""
    tests: list[Callable[[ClientRow], bool]] = []
    by_state: dict[str, Callable[[ClientRow], bool]] = {
        "online": lambda row: row.client.state is ClientState.ONLINE,
        "running": lambda row: row.running,
        "failing": lambda row: is_failing(row.client),
        "overdue": lambda row: is_overdue(row.client, clock()),
        "not_safe": lambda row: is_overdue(row.client, clock()) or is_failing(row.client),
        "offline": lambda row: row.client.state is ClientState.OFFLINE,
        "disconnected": lambda row: row.client.state is ClientState.DISCONNECTED,
        "revoked": lambda row: is_revoked(row.client),
        "marked": lambda row: is_marked(row.client),
        "protected": lambda row: row.client.protected,
        "never": lambda row: row.client.state is ClientState.NEVER,
        "queued": lambda row: row.client.backup_queued,
        "large": lambda row: average is not None and row.client.stored_bytes > average,
    }
    if state in by_state:
        tests.append(by_state[state])
    elif state.startswith("last:"):
        result = state.removeprefix("last:")
        if result == "none":
            ends = [str(state) for state in RunState if state.ended]
            tests.append(lambda row: row.client.last_run_state not in ends)
        else:
            tests.append(lambda row: row.client.last_run_state == result)
    needle = text.casefold()
    if needle:
        tests.append(lambda row: needle in row.client.name.casefold() or row.client.id.startswith(needle))
    return (lambda row: all(test(row) for test in tests)) if tests else None


def _named(names: Sequence[str]) -> str:
    """Return the first three, and how many more there are."""
    more = f" and {count_text(len(names) - 3)} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def present_cards(clients: Sequence[Client], words: Formatter) -> dict[str, CardWords]:
    """Return the numbers of the four cards."""
    online = sum(client.state is ClientState.ONLINE for client in clients)
    failing = sorted(client.name for client in clients if is_failing(client))
    running = sum(client.running_run_id is not None for client in clients)
    average = average_bytes(clients)
    stored = sum(client.stored_bytes for client in clients)
    return {
        "all": CardWords(count_text(len(clients)), f"{words.size(stored)} stored", words.exact_size(stored)),
        "online": CardWords(count_text(online), f"{count_text(running)} backing up"),
        "failing": CardWords(
            count_text(len(failing)),
            _named(failing) if failing else "none fails",
            "\n".join(failing[:20]),
            tone=Tone.BAD if failing else None,
        ),
        "large": CardWords(
            words.size(average), "a client", words.exact_size(None if average is None else round(average))
        ),
    }
