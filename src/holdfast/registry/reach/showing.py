"""The permits of one repository, and what may be told of its tags, for use-cases that are given a permit by path: what
the caller may not see is answered like what is not there, whatever may be done to it."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.access.errors import Denied
from holdfast.access.model import PathPermit, PullPermit, PushPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.reach.spans import listed

_CHANGING = (Action.CREATE_TAG, Action.OVERWRITE, Action.DELETE_TAG)


def reading_in(permit: PathPermit, repository: RepositoryName) -> PullPermit:
    """The permit to read `repository`. Raises `RepositoryUnknown` where it may not be told, `Denied`."""
    if not permit.shows(repository):
        raise unseen(repository)
    return permit.pull(repository)


def writing_in(permit: PathPermit, repository: RepositoryName) -> PushPermit:
    """The permit to write to `repository`. Raises `RepositoryUnknown` where it may neither be written nor told,
    `Denied`."""
    try:
        return permit.push(repository)
    except Denied:
        if permit.shows(repository):
            raise
        raise unseen(repository) from None


def unseen(repository: RepositoryName) -> RepositoryUnknown:
    """What to say of a repository that is not there, or hidden."""
    return RepositoryUnknown("there is no such repository", name=repository)


def may_tell(permit: PathPermit, repository: str) -> TagRights:
    """At which tags of `repository` the caller may be told of them."""
    listing = permit.tags(Action.LIST, repository)
    return listing if listing.everything else permit.tags(Action.PULL, repository)


def tells(rights: TagRights) -> Callable[[str], bool]:
    """Whether a tag may be told: those that belong to a digest only to who may be told all."""
    return (lambda _tag: True) if rights.everything else listed(rights).matches


def knows_who(permit: PathPermit, repository: str) -> bool:
    """Whether the caller may be told who changed something in `repository`: he who may change tags there, too, or reads
    the audit."""
    return permit.tags(Action.READ_AUDIT, repository).everything or any(
        not permit.tags(action, repository).nothing for action in _CHANGING
    )
