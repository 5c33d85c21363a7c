"""What a webhook is, what a delivery is, and how much of each there may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from holdfast.webhooks.shapes.catalogue import DEFAULT

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
PATIENCE = DAY
"""Microseconds for which a delivery is tried."""
KEPT = 30 * DAY
"""Microseconds for which deliveries that ended, and their attempts, are kept."""
MOST_ENDED = 10_000
"""Deliveries that ended, kept of one webhook; the oldest go first."""
MOST_WAITING = 100_000
"""Deliveries that wait, kept of one webhook; beyond that the oldest are given up."""
COUNTED = 1_000
"""Of each webhook at most so many deliveries are counted, the newest."""
LATELY = 7 * DAY
"""Microseconds over which it is counted what became of them."""
MOST_OF_PATH = 20
MOST_WEBHOOKS = 1_000
MOST_WORDS = 50
"""Event types, repository globs, tag globs: each at most so many."""
MOST_HEADERS = 20
HEADER_BYTES = 4096
HEADERS_BYTES = 8192
BODY_BYTES = 256 << 10
"""A body that is longer is not sent."""
ANSWER_BYTES = 1024
"""So much of an answer's body is kept."""
MOST_CONCURRENCY = 32
CONCURRENCY = 4
OVERLAP = DAY
"""Microseconds for which the secret before signs, too, when nothing else is said."""
MOST_OVERLAP = 30 * DAY
CONTENT_TYPE = "application/json"
FIRST_PING = 1_000_000_000_000_000
"""Deliveries of a webhook are numbered by their events; tries by hand, which have none, by their time, beyond this."""
CHANNEL = "webhooks"
"""What a unit notifies that gives the deliverer something to do."""
SENDER = "webhooks"
"""Who did what no person did."""


class WebhookState(IntEnum):
    """Whether a webhook is told of events; one that is deleted is forgotten soon."""

    ENABLED = 0
    DISABLED = 1
    DELETED = 2


class DeliveryState(IntEnum):
    """Where a delivery stands. One that is given up is kept, and can be delivered again."""

    WAITING = 0
    DELIVERED = 1
    GIVEN_UP = 2
    SKIPPED = 3


class Filter(NamedTuple):
    """Of which events a webhook is told: `events`: kinds, or their first word; `repositories`, `tags`: globs, of which
    one must match; none: all. Of a draft, no `events`: those that are usual with its shape."""

    events: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Secrets(NamedTuple):
    """What of a webhook is sealed. `live`: the secrets that sign, the newest first; none: it does not sign."""

    url: str
    headers: Mapping[str, str]
    live: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A webhook to be made."""

    path: str
    url: str
    name: str = ""
    shape: str = DEFAULT
    filter: Filter = field(default_factory=Filter)
    headers: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    content_type: str = CONTENT_TYPE
    signed: bool = True
    concurrency: int = CONCURRENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to change of a webhook; None: nothing. `headers` replace all that there were."""

    name: str | None = None
    url: str | None = None
    shape: str | None = None
    events: tuple[str, ...] | None = None
    repositories: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    headers: Mapping[str, str] | None = None
    template: str | None = None
    content_type: str | None = None
    concurrency: int | None = None


class Webhook(NamedTuple):
    """A webhook as people see it. `url`: without what is secret in it; `headers`: names alone. `failing_since`: since
    when its target takes nothing, None: it does; `paused_until`: until when the target asked for quiet; `waiting`: at
    most `COUNTED`; `delivered`, `given_up`: of its newest `COUNTED` events, those that ended so in the last 7 days."""

    id: int
    path: str
    name: str
    url: str
    shape: str
    filter: Filter
    headers: tuple[str, ...]
    template: str | None
    content_type: str
    signed: bool
    old_until: int | None
    concurrency: int
    state: WebhookState
    why: str
    failing_since: int | None
    probe_at: int | None
    paused_until: int | None
    waiting: int
    delivered: int
    given_up: int
    made_at: int
    made_by: str


class Shown(NamedTuple):
    """A webhook and its new secret, which is told this once; None: it does not sign."""

    webhook: Webhook
    secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How deliveries are tried. Times in seconds; `failures`: in a row, until the circuit opens; `at_once`: requests
    under way, of all webhooks."""

    timeout: float = 10.0
    first: float = 5.0
    most: float = 3600.0
    failures: int = 10
    probe_first: float = 30.0
    probe_most: float = 600.0
    at_once: int = 400
    look: float = 1.0
