"""What may be done with an artifact, and by whom: what is not the caller's to do is named with the reason."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.console.artifact.about import Place, compare_path
from holdfast.web.caller import Caller


class Doing(NamedTuple):
    """Something that can be done: where, and why this caller cannot ('' he can). `word` is its button; `action`: the
    right that it takes."""

    word: str
    href: str
    icon: str
    why: str
    dialog: bool = True
    action: str = ""


def doings(caller: Caller, place: Place) -> list[Doing]:
    """What an artifact's page offers. Who is not signed in is offered what only looks."""
    found = [Doing("Compare", compare_path(place.repository, "", str(place.reference)), "compare", "", dialog=False)]
    if not caller.who.subject.id:
        return found
    permit = caller.at(place.repository)
    # It may become another repository's, too: the right to make a tag anywhere is enough to be asked where.
    elsewhere = permit.rights.somewhere(Action.CREATE_TAG, permit.here)
    retags = "" if elsewhere else _why(permit.tags(Action.CREATE_TAG, place.repository))
    found.append(Doing("Retag", place.at("retag"), "tag", retags, action=Action.CREATE_TAG))
    annotates = annotating(permit, place)
    changes = Action.OVERWRITE if place.tag else Action.CREATE_TAG
    found.append(Doing("Annotate", place.at("annotate"), "settings", _why(annotates, place.tag), action=changes))
    deletes = permit.tags(Action.DELETE_TAG, place.repository)
    found.append(Doing("Delete", place.at("delete"), "trash", _why(deletes, place.tag), action=Action.DELETE_TAG))
    return found


def annotating(permit: PathPermit, place: Place) -> TagRights:
    """The right to push another manifest in its place: a tag moves, a digest is pushed beside."""
    return permit.tags(Action.OVERWRITE if place.tag else Action.CREATE_TAG, place.repository)


def _why(rights: TagRights, tag: str = "") -> str:
    """Why something is refused; '' it is not. `tag`: the one that it is about."""
    if rights.nothing or (tag and not rights.allows(tag)):
        return str(rights.refuse(tag or None))
    return ""
