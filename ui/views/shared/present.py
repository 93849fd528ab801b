"""Texts that several views share: when the disk will be full, and whom "Back up all" reaches."""

from collections.abc import Iterable
from datetime import datetime

from streams.model.clients import Client
from streams.model.server import StorageForecast
from streams.model.vocabulary import ClientState
from ui.base.format import Formatter, count_text
from ui.views.shared.client_state import is_let_in, is_revoked


def present_forecast(forecast: StorageForecast, now: datetime, words: Formatter) -> tuple[str, str]:
    """Return when the disk will be full with the band around it, and how that was judged."""
    growth = forecast.growth_bytes_per_day
    if growth is None:
        return "too little history to say when full", "A forecast needs a day of history."
    grows = f"{words.size(growth)} a day" if growth > 0 else "it does not grow"
    judged = f"Judged by its growth: {grows}; {words.size(forecast.disk_free_bytes)} free."
    if forecast.full_at is None:
        return ("not growing" if growth <= 0 else "not full within 5 years"), judged
    text = f"full about {words.date(forecast.full_at, now)}"
    if forecast.full_earliest is not None:
        full_at = forecast.full_at  # years are told only where they differ from the one before the bracket
        latest = words.date(forecast.full_latest, full_at) if forecast.full_latest else "later"
        text = f"{text} ({words.date(forecast.full_earliest, full_at)} – {latest})"
    return text, judged


def present_back_up_all(clients: Iterable[Client]) -> tuple[tuple[str, ...], str]:
    """Return whom "Back up all" reaches, and what will happen, for the question before it."""
    fleet = sorted(clients, key=lambda client: client.name)
    reached = tuple(c.name for c in fleet if is_let_in(c))
    now = sum(c.state is ClientState.ONLINE for c in fleet if is_let_in(c))
    later = len(reached) - now
    shut_out = sum(c.state is ClientState.DISCONNECTED for c in fleet)
    revoked = sum(is_revoked(c) for c in fleet)
    parts = [f"{count_text(now)} {'client begins' if now == 1 else 'clients begin'} at once"]
    if later:
        parts.append(f"{count_text(later)} when {'it is' if later == 1 else 'they are'} back")
    text = ", ".join(parts) + "."
    if shut_out:
        text += f" {count_text(shut_out)} {'is' if shut_out == 1 else 'are'} disconnected and left out."
    if revoked:
        text += f" {count_text(revoked)} {'has' if revoked == 1 else 'have'} to be enrolled again."
    return reached, text
