"""The log view's memory between starts: its filter, and whether it is paused."""

import msgspec

from streams.model.log_match import Search, WrongExpression
from streams.model.logs import LogFilter
from ui.base.context import Prefs

_FILTER, _PAUSED = "logs.filter", "logs.paused"


def keep_filter(prefs: Prefs, wanted: LogFilter, *, paused: bool) -> None:
    """Remember what of a filter is a habit: levels, sources and text, not the client one was led to."""
    words = {"sources": sorted(wanted.sources), "levels": sorted(wanted.levels), "text": wanted.text}
    prefs.put(_FILTER, words)
    prefs.put(_PAUSED, paused)


def kept_filter(prefs: Prefs) -> tuple[LogFilter, bool]:
    """Return what was remembered; the usual filter where that is from another version."""
    try:
        kept = msgspec.convert(prefs.get(_FILTER, {}), LogFilter)
        Search(kept.text)
    except (msgspec.ValidationError, WrongExpression):
        return LogFilter(), False
    return kept, prefs.get(_PAUSED) is True
