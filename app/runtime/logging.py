"""Structured logs of every part of Tidewatch, with secrets taken out before anything is written."""

import argparse
import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from app.runtime.log_format import LineRenderer, wants_colors
from app.runtime.log_limits import RepeatFilter

SECRET_KEY = re.compile(
    r"(?:^|_)(?:token|secret|password|passwd|authorization|cookie|api_?key|private_?key)s?$", re.IGNORECASE
)
"""Names of fields whose values are never written; ``token_id`` and ``token_file`` name no secret."""
_ERROR_CODE = re.compile(r"[a-z_]{3,40}")
"""A word of ours for a failure; enrolment codes are capitals and digits."""
_NAMED = r"(?:token|secret|password|passwd|cookie|api_?key|private_?key)"
SECRET_TEXT = re.compile(
    r"(?i:(bearer\s+|basic\s+)[\w.~+/=-]{6,})"
    rf"|(?i:({_NAMED}[\"']?\s*[=:]\s*b?[\"']?)[^\s\"',&;)}}\]]+)"
    r"|(?i:(authorization[\"']?\s*[=:]\s*[\"']?)(?!bearer|basic)[^\s\"',&;)}\]]+)"
    r"|(://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|(https?://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?/)[\w-]{20,}"
    r"|()\btw_[\w-]{8,}"
)
"""What a secret looks like in a text: after its name, in an address, or by the shape of our own tokens."""
ENROLMENT_CODE = re.compile(r"\b[2-9A-HJKMNP-Z]{5}(?:-[2-9A-HJKMNP-Z]{5}){3}\b")
_SIGNS = (
    "token", "secret", "passw", "authoriz", "bearer", "basic", "cookie", "api", "private", "tw_", "://",
)  # fmt: skip
"""A text without one of these need not be searched: most have none, and searching is what costs."""
HIDDEN = "***"
FORMATS = ("auto", "lines", "json")
"""What the flag --log-format takes."""
LIMITED = ("asyncio", "aiohttp.server", "uvicorn.error")
"""Loggers of libraries whose lines anybody who connects can cause."""
LONGEST_TEXT = 16_000
"""Characters of one value; what is longer is cut, so that a line cannot fill a disk."""

Entry = MutableMapping[str, Any]


def hide_secrets(_logger: Any, _method: str, entry: Entry) -> Entry:
    """Replace the values of keys that name a secret, and what looks like one inside texts."""
    for key, value in entry.items():
        entry[key] = HIDDEN if _names_secret(key, value) else clean(value)
    return entry


def _names_secret(key: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if key == "code":
        return not (isinstance(value, str) and _ERROR_CODE.fullmatch(value))
    return SECRET_KEY.search(key) is not None


def clean(value: Any) -> Any:
    """Return ``value`` without secrets; what is neither text, number nor container becomes text."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            text = value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]} …"
            return _clean_text(text)
        case dict():
            return {str(k): HIDDEN if _names_secret(str(k), v) else clean(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [clean(part) for part in value]
        case BaseException():
            return clean(f"{type(value).__name__}: {value}")
        case _:
            return clean(str(value))


def _clean_text(text: str) -> str:
    if text.count("-") > 2:
        text = ENROLMENT_CODE.sub(HIDDEN, text)
    lower = text.lower()
    if any(sign in lower for sign in _SIGNS):
        text = SECRET_TEXT.sub(_hidden, text)
    return text


def _hidden(found: re.Match[str]) -> str:
    return f"{next((part for part in found.groups() if part), '')}{HIDDEN}"


def _printable(logger: Any, method: str, entry: Entry) -> Entry:
    """Hide secrets, but leave the exception to the renderer, which writes its trace."""
    failure = entry.pop("exc_info", None)
    entry = hide_secrets(logger, method, entry)
    if failure is not None:
        entry["exc_info"] = failure
    return entry


def add_log_format(parser: argparse.ArgumentParser) -> None:
    """Declare the flag with which every command takes the form of its log."""
    parser.add_argument(
        "--log-format",
        default="auto",
        choices=FORMATS,
        help="form of the log: lines for people, or json; auto means lines on a terminal (default: auto)",
    )


def set_up_logs(
    *, level: str = "info", file: Path | None = None, stream: TextIO | None = None, form: str = "auto"
) -> None:
    """Send every log line, structlog's and the standard library's, to ``stream`` (stderr) or to ``file``.

    A terminal gets lines for people; a file or a pipe gets one JSON object a line, unless ``form`` says
    otherwise (one of ``FORMATS``). Secrets are taken out of both.
    """
    target: logging.Handler
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = logging.FileHandler(file, encoding="utf-8", delay=True)
    else:
        target = logging.StreamHandler(stream or sys.stderr)
    terminal = file is None and (stream or sys.stderr).isatty()
    lines = LineRenderer(colors=terminal and wants_colors(), hide=clean)
    target.setLevel(level.upper())
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    end: list[structlog.typing.Processor] = (
        [_printable, lines]
        if form == "lines" or (form == "auto" and terminal)
        else [structlog.processors.format_exc_info, hide_secrets, structlog.processors.JSONRenderer()]
    )
    target.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "tidewatch", False):
            root.removeHandler(old)
            old.close()
    target.tidewatch = True  # pyright: ignore[reportAttributeAccessIssue]
    root.addHandler(target)
    # The log view hears what goes on even where the terminal is told only what goes wrong.
    root.setLevel(min(target.level, logging.INFO))
    for foreign in LIMITED:
        logger = logging.getLogger(foreign)
        if not any(isinstance(known, RepeatFilter) for known in logger.filters):
            logger.addFilter(RepeatFilter())
    for noisy in ("aiosqlite", "asyncio", "alembic", "aiohttp.access", "flet", "flet_web", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
