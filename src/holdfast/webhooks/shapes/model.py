"""What the shapes of a webhook's body have in common: what they are given, and what they make. Pure.

A shape is a function of an event and of what is known about it. It returns the bodies to send, in their order: none
where its receivers have no word for such an event, more than one where they can be told of one tag at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from holdfast.oci.manifest import Kind
from holdfast.registry.events.model import Event

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Payload(NamedTuple):
    """One body, as it is signed and sent. `headers`: those that belong to the shape, beside the content type; names in
    lower case, values in printable ASCII."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = NO_HEADERS


class Subscription(NamedTuple):
    """The webhook that is told. `path`: the namespace or repository that it is made for, '' for the installation."""

    id: int
    name: str
    path: str


class Repository(NamedTuple):
    """The repository of an event. `born`: microseconds since the epoch; `public`: everyone may pull from it."""

    id: int
    born: int
    public: bool
    description: str


class Manifest(NamedTuple):
    """A manifest as the repository of the event has it. `size`: of the manifest itself, in bytes;
    `artifact_type`: the type of what it is, for an image that of its configuration."""

    digest: str
    media_type: str
    artifact_type: str | None
    size: int
    kind: Kind


class Move(NamedTuple):
    """A tag that an event moved: what it named before and what it names since, None for nothing."""

    tag: str
    was: str | None
    now: str | None


class Facts(NamedTuple):
    """What the database knows about an event when it is told. `repository`: None for an event of none, and for one that
    is gone; `manifests`: those that are still there, by digest; `moves`: what the event did to tags, by their names, at
    most `MOST_MOVES` of them."""

    repository: Repository | None = None
    manifests: Mapping[str, Manifest] = MappingProxyType({})
    moves: Sequence[Move] = ()


NOTHING_KNOWN = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a shape is given beside the event. `source`: the registry's URL as clients see it, without a slash at its
    end; `installation`: its id; `wanted`: whether the webhook asks for a tag, None: for all, and for what has none (it
    is told of an event when it asks for one of its tags; shapes that speak of single tags name those it asks for)."""

    source: str
    installation: str
    subscription: Subscription
    facts: Facts = NOTHING_KNOWN
    wanted: Callable[[str], bool] | None = None

    def asks(self, tag: str) -> bool:
        """Whether the webhook asks for a tag."""
        return self.wanted is None or self.wanted(tag)

    @property
    def host(self) -> str:
        """The name by which clients name this registry: `registry.example.com:5000`."""
        return self.source.partition("://")[2].partition("/")[0]


Shape: TypeAlias = Callable[[Event, About], Sequence[Payload]]

MOST_MOVES = 1_000
"""So many tags of one event are looked at, by their names; a rollback may move more, its history has them all."""
MOST_TOLD = 100
"""So many tags of one event are told, of those that a webhook asks for."""
