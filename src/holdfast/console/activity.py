"""What happened, in words: events grouped by who did them, in the same minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.model import Event

TYPES = (
    "manifest",
    "tag",
    "image",
    "rollback",
    "repository",
    "namespace",
    "setting",
    "retention",
    "visibility",
    "quota",
    "grant",
    "member",
    "invitation",
    "access-request",
    "key",
    "robot",
    "user",
    "webhook",
    "canary",
    "content",
    "backup",
)
"""What people want to know of; not who signed in, nor what the registry does by itself."""
_MINUTE = 60_000_000
_NAMED = 3
_WORDS = {
    ChangeKind.MANIFEST_PUSHED: "pushed",
    ChangeKind.TAG_MOVED: "moved",
    ChangeKind.MANIFEST_DELETED: "deleted",
    ChangeKind.TAG_DELETED: "deleted",
    ChangeKind.MANIFEST_UNDELETED: "restored",
    ChangeKind.TAG_UNDELETED: "restored",
    ChangeKind.IMAGE_PROMOTED: "promoted to",
    ChangeKind.ROLLBACK_APPLIED: "rolled back",
    ChangeKind.REPOSITORY_CREATED: "made the repository",
    ChangeKind.REPOSITORY_CHANGED: "described",
    ChangeKind.REPOSITORY_DELETED: "deleted the repository",
    ChangeKind.REPOSITORY_RESTORED: "restored the repository",
    ChangeKind.NAMESPACE_CREATED: "made the namespace",
    ChangeKind.NAMESPACE_CHANGED: "changed the namespace",
    ChangeKind.NAMESPACE_DELETED: "deleted the namespace",
    ChangeKind.NAMESPACE_RESTORED: "restored the namespace",
    ChangeKind.SETTING_CHANGED: "changed settings of",
    ChangeKind.RETENTION_APPLIED: "applied retention to",
    ChangeKind.VISIBILITY_CHANGED: "changed who sees",
    ChangeKind.QUOTA_CHANGED: "changed the quota of",
    ChangeKind.QUOTA_WARNED: "has nearly used up the quota of",
    ChangeKind.QUOTA_EXCEEDED: "ran into the quota of",
    ChangeKind.GRANT_ADDED: "granted rights on",
    ChangeKind.GRANT_REMOVED: "took back rights on",
    ChangeKind.CONTENT_DAMAGED: "found damage in",
    ChangeKind.CONTENT_REPAIRED: "repaired",
    ChangeKind.CONTENT_PURGED: "purged content of",
    ChangeKind.BACKUP_MADE: "made a backup",
    ChangeKind.LOGIN_SUCCEEDED: "authenticated",
    ChangeKind.LOGIN_FAILED: "failed to authenticate",
    ChangeKind.WEBHOOK_FAILING: "cannot deliver to a webhook of",
    ChangeKind.ACCESS_DENIED: "was refused",
    ChangeKind.ACCESS_UNUSUAL: "did something unusual in",
    ChangeKind.SESSION_STARTED: "signed in",
    ChangeKind.SESSION_ENDED: "signed out",
}
_ICONS = {
    "manifest": "upload",
    "tag": "tag",
    "image": "right",
    "rollback": "undo",
    "repository": "repository",
    "namespace": "namespace",
    "grant": "key",
    "key": "key",
    "user": "user",
    "robot": "robot",
    "webhook": "webhook",
    "quota": "storage",
    "content": "alert",
    "backup": "storage",
    "retention": "retention",
    "canary": "shield",
}
_GONE = frozenset({ChangeKind.REPOSITORY_DELETED, ChangeKind.NAMESPACE_DELETED})


class Deed(NamedTuple):
    """What was done at one path. `what`: in words; `names`: tags, some of them; `more`: there were so many others;
    `href` '': it leads nowhere."""

    what: str
    path: str
    names: tuple[str, ...]
    more: int
    href: str
    icon: str
    times: int


class Group(NamedTuple):
    """What somebody ('': nobody whom the caller may know) did within a minute; `at`: the last of it."""

    actor: str
    at: int
    deeds: list[Deed]


def grouped(events: Sequence[Event], most: int = 12) -> list[Group]:
    """Events, the newest first, by who did them in the same minute."""
    groups: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        groups.setdefault((event.actor, event.at // _MINUTE), []).append(event)
    return [Group(actor, some[0].at, _deeds(some)) for (actor, _), some in list(groups.items())[:most]]


def words_of(kind: str) -> str:
    """A kind of change in words."""
    known = _WORDS.get(kind)  # type: ignore[call-overload]
    if known is not None:
        return str(known)
    noun, _, verb = kind.partition(".")
    return f"{verb} {'an' if noun[:1] in 'aeiou' else 'a'} {noun.replace('-', ' ')} of" if verb else kind


def _deeds(events: Sequence[Event]) -> list[Deed]:
    by: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        by.setdefault((words_of(event.kind), event.path), []).append(event)
    return [_deed(what, path, some) for (what, path), some in by.items()]


def _deed(what: str, path: str, events: Sequence[Event]) -> Deed:
    names = list(dict.fromkeys(tag for event in events for tag in (event.tags if event.is_target else ())))
    last = events[0]
    noun = last.kind.partition(".")[0]
    scope = "n" if noun == "namespace" else "r"
    repository = noun in ("manifest", "tag", "image", "rollback", "repository", "content")
    return Deed(
        what if path else what.removesuffix(" of").removesuffix(" on").removesuffix(" to"),
        path,
        tuple(names[:_NAMED]),
        len(names) - len(names[:_NAMED]),
        (scope if path and (repository or noun == "namespace") and last.kind not in _GONE else ""),
        _ICONS.get(noun, "settings"),
        len(events),
    )
