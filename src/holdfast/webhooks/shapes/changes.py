"""What an event is to receivers that know pushes and deletions alone: one table, for all shapes of that kind. Pure.

| event | a push of | a deletion of |
| --- | --- | --- |
| `manifest.pushed` | each tag that it moved; by digest where it moved none | |
| `tag.moved` | each tag that it moved | |
| `image.promoted` | each tag that it made or moved, at the target only; by digest where it named none | |
| `tag.undeleted` | the tag | |
| `manifest.undeleted` | each tag that came back with it; by digest where none did | |
| `rollback.applied` | each tag that names something else now | each tag that ended |
| `tag.deleted` | | the tag |
| `manifest.deleted`, `content.purged` (of one repository) | | the manifest, and each tag that was on it |
| `blob.deleted` | | the blob |

Whoever deploys what a tag names wants to know of each of the first six alike: the tag names another digest since.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.model import MOST_TOLD, About

PUSHING = frozenset(
    {
        ChangeKind.MANIFEST_PUSHED,
        ChangeKind.TAG_MOVED,
        ChangeKind.IMAGE_PROMOTED,
        ChangeKind.TAG_UNDELETED,
        ChangeKind.MANIFEST_UNDELETED,
        ChangeKind.ROLLBACK_APPLIED,
    }
)
"""Kinds that may be pushes."""
DELETING = frozenset(
    {
        ChangeKind.ROLLBACK_APPLIED,
        ChangeKind.TAG_DELETED,
        ChangeKind.MANIFEST_DELETED,
        ChangeKind.CONTENT_PURGED,
    }
)
"""Kinds that may be deletions of tags and manifests."""
TOLD_BY_MOVES = frozenset(
    {
        ChangeKind.MANIFEST_DELETED,
        ChangeKind.ROLLBACK_APPLIED,
        ChangeKind.CONTENT_PURGED,
    }
)
"""Kinds whose own data do not name all tags that they are about: what they did is read when they are told."""
_BARE = frozenset({ChangeKind.MANIFEST_PUSHED, ChangeKind.MANIFEST_UNDELETED})


class Pushed(NamedTuple):
    """A tag that names `digest` since; None: a manifest without one."""

    tag: str | None
    digest: str


class Gone(NamedTuple):
    """Something that ended: the tag `tag`, which named `digest` ('' where that is not known any more); or, where `tag`
    is None, the manifest itself."""

    tag: str | None
    digest: str


def asked_for(event: Event, about: About) -> bool:
    """Whether the webhook asks for one of the tags that `event` moved, where its own data do not name them all."""
    if about.wanted is None or event.kind not in TOLD_BY_MOVES:
        return True
    return any(map(about.asks, event.tags)) or any(about.asks(move.tag) for move in about.facts.moves)


def pushes(event: Event, about: About) -> Sequence[Pushed]:
    """The pushes that `event` is, of tags that the webhook asks for; at most `MOST_TOLD`."""
    return list(islice(_pushed(event, about), MOST_TOLD))


def _pushed(event: Event, about: About) -> Iterator[Pushed]:
    if event.kind not in PUSHING or not event.path:
        return
    if event.kind == ChangeKind.ROLLBACK_APPLIED:
        moves = (move for move in about.facts.moves if about.asks(move.tag))
        yield from (Pushed(move.tag, move.now) for move in moves if move.now is not None)
    elif event.kind == ChangeKind.IMAGE_PROMOTED and not _at_target(event):
        return
    elif event.tags:
        yield from (Pushed(tag, event.digest) for tag in event.tags if about.asks(tag))
    elif event.kind in _BARE or _promoted_by_digest(event):
        yield Pushed(None, event.digest)


def deletions(event: Event, about: About) -> Sequence[Gone]:
    """What of tags and manifests ended with `event`: a manifest before the tags that were on it; of tags those that the
    webhook asks for, at most `MOST_TOLD` in all."""
    return list(islice(_gone(event, about), MOST_TOLD))


def _gone(event: Event, about: About) -> Iterator[Gone]:
    if event.kind not in DELETING or not event.path:
        return
    ended = {move.tag: move.was or "" for move in about.facts.moves if move.now is None}
    if event.kind in {ChangeKind.MANIFEST_DELETED, ChangeKind.CONTENT_PURGED}:
        yield Gone(None, event.digest)
        ended = dict.fromkeys([*ended, *event.tags], event.digest)
    elif event.kind == ChangeKind.TAG_DELETED:
        ended = {tag: ended.get(tag, "") for tag in event.tags}
    yield from (Gone(tag, digest) for tag, digest in ended.items() if about.asks(tag))


def _at_target(event: Event) -> bool:
    """Whether a promotion is told where the image came to; its source has a row of its own."""
    target = event.data.get("target")
    return isinstance(target, str) and target.startswith((f"{event.path}:", f"{event.path}@"))


def _promoted_by_digest(event: Event) -> bool:
    return event.kind == ChangeKind.IMAGE_PROMOTED and str(event.data.get("target")).startswith(f"{event.path}@")
