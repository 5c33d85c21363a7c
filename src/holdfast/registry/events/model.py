"""An event: a sealed row of the journal, as it is told outside (the cursor API, streams, webhooks). Pure.

The JSON form is that of CloudEvents 1.0 (structured mode). An event's `id` is its place in the journal: it never
changes, ascends without gaps, and is what a cursor holds, so that whoever sees one twice knows it. Who may
be told less of it sees it with less in it (showing.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.journal.moments import rfc3339

TYPE_PREFIX = "holdfast."
"""What stands before the journal's kind in the `type` of a CloudEvent: `holdfast.manifest.pushed`."""
MOVES = "moves"
"""In the data of an event that moved many tags at once: a list of `tag`, `was`, `now` (digests, null: none)."""
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_ORIGIN = ("address", "agent", "credential")


class Event(NamedTuple):
    """Something that happened. `path`: the repository or namespace, '' for the installation as a whole; `at`:
    microseconds; `actor`, `request`: '' where they may not be told; `origin`: `address`, `agent`, `credential` of the
    request, as far as there was one."""

    pos: int
    kind: str
    path: str
    at: int
    actor: str
    request: str
    data: Mapping[str, Any]
    origin: Mapping[str, str]

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of its repository that it is about."""
        if not self.is_target:
            written = str(self.data.get("source", ""))
            _, colon, tag = written.partition(":")
            return (tag,) if colon and "@" not in written else ()
        if isinstance(moves := self.data.get(MOVES), list):
            return tuple(str(move["tag"]) for move in moves)
        named = self.data.get("tags")
        if isinstance(named, list):
            return tuple(str(each) for each in named)
        alone = self.data.get("tag")
        return (alone,) if isinstance(alone, str) else ()

    @property
    def is_target(self) -> bool:
        """Whether the tags in its data are tags of its repository: a promotion has an event at the repository that it
        came from, too."""
        if self.kind != ChangeKind.IMAGE_PROMOTED:
            return True
        target = str(self.data.get("target", ""))
        return target.partition("@")[0].partition(":")[0] == self.path

    @property
    def digest(self) -> str:
        """The digest that it is about, '' where there is none."""
        found = self.data.get("digest")
        return found if isinstance(found, str) else ""


def event_of(row: SealedRow) -> Event:
    """The event that a row tells."""
    return Event(
        row.pos,
        row.kind,
        row.path or "",
        row.at,
        row.actor,
        row.request,
        json.loads(row.data),
        json.loads(row.origin) if row.origin else {},
    )


def cloud_event(event: Event, source: str, *, with_origin: bool = False) -> dict[str, Any]:
    """`event` as a CloudEvent, without what is not known. `source`: the registry's URL. `with_origin`: says where the
    request came from, too, which is for auditors."""
    subject = event.path
    if len(event.tags) == 1:
        subject += f":{event.tags[0]}"
    elif event.digest:
        subject += f"@{event.digest}"
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.pos),
        "source": source,
        "type": TYPE_PREFIX + event.kind,
        "time": rfc3339(event.at),
        "datacontenttype": "application/json",
    }
    also = {"subject": subject, "actor": event.actor, "requestid": event.request}
    if with_origin:
        also |= {name: str(event.origin.get(name, "")) for name in _ORIGIN}
    told |= {name: value for name, value in also.items() if value}  # the value of an attribute is never empty
    return {**told, "data": {"path": event.path, **event.data}}
