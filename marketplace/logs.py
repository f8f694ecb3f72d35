"""The log: one line an event, on standard error, with the request id, and without a secret.

``redact`` is the last step before a line is written, so it also sees what libraries log and what tracebacks quote.
"""

from __future__ import annotations

import logging.config
import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

HIDDEN = "[hidden]"

# Linear: no pattern holds a repeated group, and a line is cut before they run.
_SECRETS = re.compile(
    r"\baim[psor]_[0-9A-Za-z]{6,}"
    r"|\b(?:sk|pk|rk|gsk|xai|nvapi|hf|r8|pplx|fw|csk|tgp)[-_][0-9A-Za-z_-]{8,}"
    r"|\bAIza[0-9A-Za-z_-]{10,}"
    r"|\bAKIA[0-9A-Z]{12,}"
    r"|\beyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_.-]+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=bearer )|(?<=basic )|(?<=[?&]key=)|(?<=[?&]token=))[^\s\"'&,;]{4,}"
)
_SECRET_NAMES = re.compile(
    r"(?i)api[-_]?key|authorization|cookie|passw|passphrase|secret|token(?!s)|csrf|^key$|sealed"
)
_SAFE_NAMES = frozenset(("token_id", "token_name"))
_LONGEST = 64 * 1024


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide what looks like a key or token in every value, and every value whose name says it is one."""
    return {name: _clean(value, name) for name, value in event.items()}


def _clean(value: Any, name: str = "") -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if name not in _SAFE_NAMES and _SECRET_NAMES.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return _SECRETS.sub(HIDDEN, str(value)[:_LONGEST])


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]


def config(level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING for a level and ``console`` or ``json``."""
    if form == "json":
        renderer: Any = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,  # a traceback is text before redact() reads it
                    redact,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "marketplace.log_lines.LineHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "propagate": True},
            # A 404 or 403 is the visitor's affair; what fails here is an error.
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "uvicorn.error": {"level": "WARNING"},
            "psycopg.pool": {
                "level": "ERROR"
            },  # says each attempt; we say once a second that the database is away
            "httpx": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }


def configure(settings: dict[str, Any]) -> None:
    """Called by Django at its start with LOGGING."""
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
