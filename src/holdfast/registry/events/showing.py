"""What of an event somebody may be told. Pure.

Promises: who may be told of some tags of a repository learns nothing of the others, nor of other repositories that an
event names; who did something is told to those who may change tags there or read the audit (as history has it), from
where it came to auditors alone. Auditors of a path are told all of its events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.journal.model import ChangeKind
from holdfast.registry.events.kinds import Sight, sight_of
from holdfast.registry.events.model import MOVES, Event
from holdfast.registry.quotas.managing import knows_all
from holdfast.registry.reach.showing import knows_who, may_tell, tells

_NOWHERE: Mapping[str, str] = {}
_ELSEWHERE = ("source", "target")
_COUNTED = frozenset({"tags", "bytes"})
_OF_ALL_REPOSITORIES = frozenset({"repository", "repositories", "size"})
_EVERYWHERE = ""


class _Here(NamedTuple):
    """What the caller may at one path: read the audit; be told that it is there; at which tags he may be told of them,
    and which those are; who changed something."""

    audits: bool
    shown: bool
    tags: TagRights
    tells: Callable[[str], bool]
    knows_who: bool


class Eyes:
    """What one caller may be told, by a permit of this moment. It remembers what it found at a path."""

    def __init__(self, permit: PathPermit) -> None:
        self._permit = permit
        self._known: dict[str, _Here] = {}
        self._whole: dict[str, bool] = {}
        self._runs = permit.system(Action.OPERATE)

    def seen(self, event: Event) -> Event | None:
        """`event`, as far as the caller may be told it; None: not at all."""
        here = self._here(event.path)
        if here.audits:
            return event
        sight = sight_of(event.kind)
        if sight is Sight.IMAGES:
            data = self._of_images(event, here)
        elif sight is Sight.PLACE:
            data = _of_place(event, here) if here.shown else None
        elif sight is Sight.WHOLE:
            data = event.data if self._knows_all(event.path) else None
        else:
            data = event.data if sight is Sight.RUNNING and self._runs else None
        if data is None:
            return None
        known = here.knows_who or (sight is Sight.RUNNING and self._runs)
        who = (event.actor, event.request) if known else ("", "")
        return event._replace(data=data, actor=who[0], request=who[1], origin=_NOWHERE)

    def _of_images(self, event: Event, here: _Here) -> Mapping[str, Any] | None:
        if here.tags.nothing:
            return None
        tags = [tag for tag in event.tags if here.tells(tag)]
        if not here.tags.everything and not tags:
            return None  # a digest alone is told only to who may be told of all tags
        if event.kind == ChangeKind.IMAGE_PROMOTED:
            return self._of_promotion(event, tags, everything=here.tags.everything)
        if here.tags.everything:
            of_others = _OF_ALL_REPOSITORIES if event.kind == ChangeKind.CONTENT_PURGED else ()
            return {name: value for name, value in event.data.items() if name not in of_others}
        if isinstance(moves := event.data.get(MOVES), list):
            return {MOVES: [move for move in moves if move["tag"] in tags]}
        told: dict[str, Any] = {"digest": event.digest} if event.digest else {}
        return told | ({"tag": tags[0]} if "tag" in event.data else {"tags": tags})

    def _of_promotion(self, event: Event, tags: list[str], *, everything: bool) -> Mapping[str, Any]:
        """It names two images, of which this repository may have either; the tags that it made are the target's."""
        data: dict[str, Any] = dict(event.data) if everything else {"digest": event.digest}
        for name in _ELSEWHERE:
            data.pop(name, None)
            if self._may_name(event.data.get(name)):
                data[name] = event.data[name]
        data.pop("tags", None)
        if event.is_target:
            data["tags"] = tags
        return data

    def _may_name(self, written: object) -> bool:
        """Whether the caller may be told of an image that is written as `REPOSITORY:TAG` or `REPOSITORY@DIGEST`."""
        if not isinstance(written, str):
            return False
        name, at, _ = written.partition("@")
        repository, colon, tag = (name, "", "") if at else written.partition(":")
        there = self._here(repository)
        return there.audits or there.tags.everything or (bool(colon) and there.tells(tag))

    def _here(self, path: str) -> _Here:
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = _look(self._permit, path)
        return found

    def _knows_all(self, path: str) -> bool:
        if path not in self._whole:
            self._whole[path] = knows_all(self._permit, path)
        return self._whole[path]


def _look(permit: PathPermit, path: str) -> _Here:
    if path == _EVERYWHERE:
        audits = permit.rights.system(Action.READ_AUDIT, permit.here)
        everything = permit.rights.shown(permit.here).everything
        return _Here(audits, everything, TagRights.NONE, lambda _tag: False, audits)
    rights = may_tell(permit, path)
    return _Here(
        permit.tags(Action.READ_AUDIT, path).everything,
        permit.shows(path),
        rights,
        tells(rights),
        knows_who(permit, path),
    )


def _of_place(event: Event, here: _Here) -> Mapping[str, Any]:
    """How much a repository held is told to who may be told of all of it."""
    if here.tags.everything:
        return event.data
    return {name: value for name, value in event.data.items() if name not in _COUNTED}
