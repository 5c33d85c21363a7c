"""Which extras of the program are installed beside it."""

from __future__ import annotations

from importlib.util import find_spec

_TRACES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def traces_installed() -> bool:
    """Whether what traces need could be imported; it is not."""
    try:
        return all(find_spec(name) is not None for name in _TRACES)
    except ModuleNotFoundError:  # of a package around it
        return False
