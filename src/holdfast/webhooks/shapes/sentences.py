"""An event in words, for chats: pieces of our own text, and pieces that come from elsewhere. Pure.

Who writes a message decides how each is written down; what comes from elsewhere (names, tags, annotations) is bounded
and on one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.changes import deletions, pushes
from holdfast.webhooks.shapes.model import About
from holdfast.webhooks.shapes.quotas import quota_of
from holdfast.webhooks.shapes.writing import person

_NAMED = 10
_MOST = 160
_MOST_TEXT = 600
_FIELDS = 4
_SAID = frozenset({"path", "repository", "namespace"})
_SHORT_DIGEST = 19
_VERBS = {
    ChangeKind.MANIFEST_PUSHED: "was pushed",
    ChangeKind.TAG_MOVED: "was moved",
    ChangeKind.IMAGE_PROMOTED: "was promoted",
    ChangeKind.TAG_UNDELETED: "was restored",
    ChangeKind.MANIFEST_UNDELETED: "was restored",
    ChangeKind.ROLLBACK_APPLIED: "was rolled back",
    ChangeKind.TAG_DELETED: "was deleted",
    ChangeKind.MANIFEST_DELETED: "was deleted",
    ChangeKind.BLOB_DELETED: "was deleted",
    ChangeKind.CONTENT_PURGED: "was purged",
    ChangeKind.CONTENT_DAMAGED: "is damaged",
    ChangeKind.CONTENT_REPAIRED: "is whole again",
    ChangeKind.REPOSITORY_CREATED: "was created",
    ChangeKind.REPOSITORY_DELETED: "was deleted",
    ChangeKind.REPOSITORY_RESTORED: "was restored",
    ChangeKind.NAMESPACE_CREATED: "was created",
    ChangeKind.NAMESPACE_DELETED: "was deleted",
    ChangeKind.NAMESPACE_RESTORED: "was restored",
    ChangeKind.WEBHOOK_TESTED: "has a webhook, which was tested",
}


class Piece(NamedTuple):
    """Some text. `foreign`: it came from elsewhere."""

    text: str
    foreign: bool = False


def sentence(event: Event, about: About) -> Sequence[Piece]:
    """What happened, where, and by whom."""
    quota = quota_of(event) if event.kind == ChangeKind.QUOTA_WARNED else None
    if quota is not None:
        return (_foreign(event.path or "the installation"), Piece(f": {quota.sentence}"))
    said = [*_subject(event, about)]
    verb = _VERBS.get(event.kind)  # type: ignore[call-overload]
    said += [Piece(f" {verb}")] if verb is not None else _details(event)
    return (*said, Piece(" by "), _foreign(person(event.actor)))


def _details(event: Event) -> list[Piece]:
    """The kind of an event that has no verb of its own, with its text where it has one, else with its first fields."""
    said = [Piece(": "), _foreign(event.kind)]
    text = event.data.get("text")
    if isinstance(text, str):
        return [*said, Piece(": "), _foreign(text, _MOST_TEXT)]
    fields = {name: value for name, value in event.data.items() if name not in _SAID and isinstance(value, str | int)}
    for name, value in list(fields.items())[:_FIELDS]:
        said += [Piece(", "), _foreign(f"{name}: {value}")]
    return said


def _subject(event: Event, about: About) -> list[Piece]:
    """The repository or namespace, and what of it."""
    said = [_foreign(event.path or "the installation")]
    named = [each.tag for each in pushes(event, about)] + [each.tag for each in deletions(event, about)]
    tags = [tag for tag in named if tag is not None]
    for n, tag in enumerate(tags[:_NAMED]):
        said += [Piece(", " if n else " "), _foreign(tag)]
    if len(tags) > _NAMED:
        said.append(Piece(f" and {len(tags) - _NAMED} more"))
    if not tags and event.digest and event.kind in _VERBS:
        said += [Piece(" "), _foreign(_short(event.digest))]
    return said


def _short(digest: str) -> str:
    return digest[:_SHORT_DIGEST]


def _foreign(text: str, most: int = _MOST) -> Piece:
    line = "".join(each if each.isprintable() else " " for each in text[: most + 1])
    return Piece(line if len(line) <= most else f"{line[:most]}...", foreign=True)
