"""Traces: what a request or a job did, as spans that a collector puts together. The port; nothing here traces.

Where traces are off there is no `Traces`, and who would tell one asks `is None`. A span never holds what a client could
have a secret in: no query, header, body, path, statement or text of an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

HEADER = "traceparent"
_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_LONGEST = 512


class Parent(NamedTuple):
    """The span of somebody else that asks us, and whether he records his trace."""

    trace: int
    span: int
    sampled: bool


class Served(NamedTuple):
    """What became of a request. `endpoint`: as the metrics call it; `repository`: '' for none."""

    endpoint: str
    method: str
    status: int
    request: str
    received: int
    sent: int
    repository: str = ""


class Leg:
    """A request of ours to somebody else: the `headers` that tell him of the trace, and the `status` of his answer."""

    __slots__ = ("headers", "status")

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.status = 0


class Traces(Protocol):
    """Makes spans of this process. The span of a `with` block is current in it, and is the parent of those within."""

    def request(self, method: str, parent: Parent | None, *, trusted: bool) -> AbstractContextManager[None]:
        """The span of a request that came. `trusted`: whether the parent says whether the trace is recorded."""

    def served(self, served: Served) -> str:
        """Tell the current span of a request what became of it; the id of its trace, '' where there is none."""

    def job(self, kind: str, number: int, attempt: int) -> AbstractContextManager[None]:
        """The span of a run of a job, which begins a trace."""

    def within(self, name: str) -> AbstractContextManager[None]:
        """A span in the current one; nothing where there is none."""

    def beside(self, name: str) -> Callable[[], None]:
        """Begin a span in the current one that does not become current; call what is returned to end it."""

    def outbound(self, method: str, host: str) -> AbstractContextManager[Leg]:
        """The span of a request to `host`; it begins a trace where there is none."""

    def trace_id(self) -> str:
        """The id of the current trace, 32 hexadecimal digits; '' where there is none."""

    async def close(self) -> None:
        """Send what was not sent yet, for two seconds at most."""


def read_traceparent(values: Sequence[bytes]) -> Parent | None:
    """The parent that a request names (W3C Trace Context, 3.2): None where its headers `traceparent` are none, several
    or malformed. Whoever sends it: it only names a trace."""
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    found = _FORM.fullmatch(values[0])
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if not int(trace, 16) or not int(span, 16):
        return None
    return Parent(int(trace, 16), int(span, 16), bool(int(flags, 16) & 1))
