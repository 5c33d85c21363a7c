"""What happens in the server, as structured events on standard error: JSON lines, or aligned text for people."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
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


def make_events(level: str = "info", form: str = "json", trace: Callable[[], str] | None = None) -> Events:
    """A logger that writes from `level` up. `form`: json or console; `trace` tells the id of the trace that an event
    belongs to, '' for none. Exceptions are rendered, secrets never passed."""
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=None, key="at"),
    ]
    if trace is not None:
        processors.append(_traced(trace))
    if form == "json":
        processors.append(structlog.processors.format_exc_info)
    logger: Events = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, logging.INFO)),
    )
    return logger


def _traced(trace: Callable[[], str]) -> Callable[..., Any]:
    """Adds the field `trace` to what happens within one."""

    def add(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        found = trace()
        if found:
            event["trace"] = found
        return event

    return add
