"""Log lines: one JSON object each, with the request's id, and without secrets.

Fields: `time` (UTC), `level`, `logger`, `message`, `request` where a request caused it, further
fields by what is logged, and `trace` for an error that nobody foresaw.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sys
from contextvars import ContextVar
from typing import IO

__all__ = ["FIELDS", "REQUEST_ID", "JsonLines", "configure_logging", "without_secrets"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is answered; each line of the log has it."""
FIELDS = "fields"  # `extra={FIELDS: {...}}` adds fields to a line
_LOGGERS = (
    "ticket_hub_api", "uvicorn", "uvicorn.error", "uvicorn.access", "py.warnings",
    "asyncio",
)  # fmt: skip
_HIDDEN = "[hidden]"
_SECRETS = re.compile(
    r"""
      \b(?:th|hf)_[A-Za-z0-9_-]{8,}              # a token
    | (?<=bearer\ )\S+ | (?<=basic\ )\S+         # whatever an Authorization header held
    | (?<=://)[^\s/@]+(?=@)                      # name and password in a URL
    | \b[A-Za-z0-9_-]{16,}\.[0-9a-f]{64}\b       # claims that this service signed
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """A text in which nothing is left that looks like a token, a password or a signature."""
    return _SECRETS.sub(_HIDDEN, text)


class JsonLines(logging.Formatter):
    """Makes one line of JSON of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            line["request"] = request
        line.update(getattr(record, FIELDS, {}))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        safe = {
            name: (without_secrets(value) if isinstance(value, str) else value)
            for name, value in line.items()
        }
        return json.dumps(safe, ensure_ascii=False, default=str)


def _said_already(record: logging.LogRecord) -> bool:
    """Uvicorn tells of an error that the application has logged with its request."""
    return not record.getMessage().startswith("Exception in ASGI application")


def configure_logging(level: str, stream: IO[str] | None = None) -> None:
    """Let the service with its server, or a worker with its queue, write JSON lines.

    Args:
        level: `debug`, `info` (a line for each request), `warning` or `error`.
        stream: where to; standard error by default.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.captureWarnings(capture=True)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    logging.getLogger("uvicorn.error").addFilter(_said_already)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # requests are logged here
