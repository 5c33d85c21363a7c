"""Filters of lists on the command line: `--filter NAME=VALUE`, as the API has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from holdfast.cli.moments import instant

FILTER = "A filter, as in glob=v1.*. May be repeated."
_TIMES = frozenset({"pushed_after", "pushed_before", "idle_since", "since", "until"})
_FLAGS = frozenset({"never_pulled", "below"})


def filters_of(given: Iterable[str]) -> dict[str, Any]:
    """Filters as the API takes them; a time may be so long ago. Raises `click.UsageError`."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if bool(equals) == (name in _FLAGS):
            raise click.UsageError(f"write --filter {name}" if name in _FLAGS else f"write --filter {name}=VALUE")
        found[name] = True if name in _FLAGS else instant(value) if name in _TIMES else value
    return found
