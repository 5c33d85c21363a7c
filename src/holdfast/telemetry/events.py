"""What happens in the server, as structured events on standard error: JSON lines, or aligned text for people."""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Events(Protocol):
    """A logger of events: a name, and fields."""

    def info(self, event: str, **fields: Any) -> object:
        """Something happened."""

    def warning(self, event: str, **fields: Any) -> object:
        """Something happened that somebody should look at."""

    def error(self, event: str, **fields: Any) -> object:
        """Something failed."""


def make_events(level: str = "info", form: str = "json") -> Events:
    """A logger that writes from `level` up. `form`: json or console. Exceptions are rendered, secrets never passed."""
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=None, key="at"),
    ]
    if form == "json":
        processors.append(structlog.processors.format_exc_info)
    logger: Events = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, logging.INFO)),
    )
    return logger
