"""The words that lead to a part of the log, as filters and moments."""

from datetime import UTC, datetime
from typing import Any

from streams.model.log_match import Search, WrongExpression
from streams.model.logs import LogFilter
from streams.model.vocabulary import LogLevel, LogSource
from ui.base.deep_links import filters_of

_ERRORS = frozenset({LogLevel.ERROR, LogLevel.WARNING})


def led_to(show: str) -> tuple[LogFilter, datetime | None] | None:
    """Return what to show for ``Place.show``, and the moment to stand still at; None for what is no word.

    ``client:ID`` or ``client:ID:NAME``, ``run:ID``, ``correlation:ID``, ``at:TIME`` (RFC 3339),
    ``source:NAME``, ``errors``, ``all``, or several as a link has them: ``?client=ID&level=error&text=…``.
    """
    several = filters_of(show)
    if several is None:
        word, _, rest = show.partition(":")
        several = {word: rest.partition(":")[0] if word == "client" else rest}
    parts: dict[str, Any] = {}
    moment: datetime | None = None
    for word, rest in several.items():
        if word == "at":
            moment = _moment(rest)
            if moment is None:
                return None
        else:
            part = _part(word, rest)
            if part is None:
                return None
            parts |= part
    return LogFilter(**parts), moment


def words_of(shown: LogFilter) -> dict[str, str]:
    """Return the filters of a link from which ``led_to`` makes this filter; the usual ones are left out."""
    usual = LogFilter()
    return {
        "client": shown.client_id or "",
        "run": "" if shown.run_id is None else str(shown.run_id),
        "correlation": shown.correlation_id or "",
        "source": "" if shown.sources == usual.sources else ",".join(sorted(shown.sources)),
        "level": "" if shown.levels == usual.levels else ",".join(sorted(shown.levels)),
        "text": shown.text,
        "at": "" if shown.until is None else shown.until.isoformat(),
    }


def named_client(show: str) -> tuple[str, str] | None:
    """Return the id and the name of the client that ``show`` names; its lines may be gone that would tell."""
    word, _, rest = show.partition(":")
    client_id, _, name = rest.partition(":")
    return (client_id, name) if word == "client" and name else None


def _part(word: str, rest: str) -> dict[str, Any] | None:
    match word:
        case "all":
            return {}
        case "errors":
            return {"levels": _ERRORS}
        case "client" if rest:
            return {"client_id": rest}
        case "correlation" if rest:
            return {"correlation_id": rest}
        case "run" if rest.isdecimal():
            return {"run_id": int(rest)}
        case "source" if set(rest.split(",")) <= set(LogSource):
            return {"sources": frozenset(map(LogSource, rest.split(",")))}
        case "level" if set(rest.split(",")) <= set(LogLevel):
            return {"levels": frozenset(map(LogLevel, rest.split(",")))}
        case "text" if _good(rest):
            return {"text": rest}
        case _:
            return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _good(text: str) -> bool:
    try:
        return bool(Search(text))
    except WrongExpression:
        return False
