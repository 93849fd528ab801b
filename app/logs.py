"""Structured logs of every part of Tidewatch, with secrets taken out before anything is written."""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

SECRET_KEY = re.compile(r"token|secret|password|authorization|cookie|api_?key|^code$", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"(?i)(bearer\s+)[\w.~+/=-]{8,}|((?:token|secret|password)\s*[=:]\s*[\"']?)[^\s\"',&]{6,}"
)
HIDDEN = "***"


def hide_secrets(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of keys that name a secret, and what looks like one inside texts."""
    for key, value in entry.items():
        entry[key] = HIDDEN if SECRET_KEY.search(key) and value is not None else _clean(value)
    return entry


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_TEXT.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", value)
    if isinstance(value, dict):
        return {k: HIDDEN if SECRET_KEY.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return value


def _plain_trace(output: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Write a trace without the values of local variables, which structlog's own would show."""
    output.write(_clean("".join(traceback.format_exception(*exc_info))))


def set_up_logs(*, level: str = "info", file: Path | None = None, stream: TextIO | None = None) -> None:
    """Send every log line, structlog's and the standard library's, to ``stream`` (stderr) or to ``file``.

    A terminal gets coloured lines; a file or a pipe gets one JSON object a line.
    """
    target: logging.Handler
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = logging.FileHandler(file, encoding="utf-8", delay=True)
    else:
        target = logging.StreamHandler(stream or sys.stderr)
    plain = file is None and (stream or sys.stderr).isatty()
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    end: list[structlog.typing.Processor] = (
        [hide_secrets, structlog.dev.ConsoleRenderer(exception_formatter=_plain_trace)]
        if plain
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
    root.setLevel(level.upper())
    for noisy in ("aiosqlite", "asyncio", "alembic", "aiohttp.access", "flet", "flet_web", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
