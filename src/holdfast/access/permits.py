"""From an identity to the permit for one kind of thing in one repository.

Promises: a permit says what the rights of the identity allow, inside the ceiling of its token; what a token was not
asked for is `InsufficientScope`, whatever the rights are; nothing is looked up. What was decided without conditions is
kept with the identity, so that a pull that is like the one before costs one look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.access.errors import InsufficientScope
from holdfast.access.model import CatalogPermit, DeletePermit, Identity, PathPermit, PullPermit, PushPermit, ScopeEntry
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import PUSH_ACTIONS, Action, Circumstances
from holdfast.access.tokens.scope import CATALOG, REGISTRY, REPOSITORY
from holdfast.db.port import Reader
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName

_KEPT = 1024
Renew = Callable[[Reader], Awaitable[PushPermit]]


class Reading(NamedTuple):
    """What reading in one repository is allowed: see `PullPermit`."""

    repository_id: int
    may_push: bool
    tags: TagRights
    listing: TagRights


def pull(who: Identity, repository: RepositoryName, origin: Origin, now: int) -> PullPermit:
    """The permit to read manifests and blobs; of who may push alone, one that allows no tag: the use-case answers as if
    there was nothing but what he uploaded himself. Raises `Denied`, `InsufficientScope`."""
    found = reading(who, repository, origin, now)
    if found.tags.nothing and not found.may_push:
        raise found.tags.refuse()
    return _permit(who, repository, origin, found)


def list_tags(who: Identity, repository: RepositoryName, origin: Origin, now: int) -> PullPermit:
    """The permit to name tags. Raises `Denied`, `InsufficientScope`."""
    found = reading(who, repository, origin, now)
    if found.listing.nothing:
        raise found.listing.refuse()
    return _permit(who, repository, origin, found)


def referrers(who: Identity, repository: RepositoryName, origin: Origin, now: int) -> PullPermit:
    """The permit to list what refers to a digest. Raises `Denied`, `InsufficientScope`."""
    found = reading(who, repository, origin, now)
    if found.tags.nothing:
        raise found.tags.refuse()
    return _permit(who, repository, origin, found)


def push(who: Identity, repository: RepositoryName, origin: Origin, now: int, renew: Renew | None = None) -> PushPermit:
    """The permit to write. Raises `Denied`, `InsufficientScope`."""
    entry = _entry(who, repository, "push")
    here = Circumstances(origin.address, now, who.credential.claims)
    create, overwrite, sign, read = (
        who.rights.tags(action, repository, here)
        for action in (Action.CREATE_TAG, Action.OVERWRITE, Action.SIGN, Action.PULL)
    )
    if create.nothing and overwrite.nothing and sign.nothing:
        raise create.refuse()
    return PushPermit(
        who.subject,
        repository,
        who.version,
        origin,
        who.credential,
        entry.repository_id if entry is not None else 0,
        create,
        overwrite,
        sign,
        read if _within(entry, "pull") else TagRights.NONE,
        who.rights.tags(Action.CREATE_REPOSITORY, repository, here),
        renew,
    )


def delete(who: Identity, repository: RepositoryName, origin: Origin, now: int) -> DeletePermit:
    """The permit to delete. Raises `Denied`, `InsufficientScope`."""
    entry = _entry(who, repository, "delete")
    here = Circumstances(origin.address, now, who.credential.claims)
    tags = who.rights.tags(Action.DELETE_TAG, repository, here)
    if tags.nothing:
        raise tags.refuse()
    known = entry.repository_id if entry is not None else 0
    read = who.rights.tags(Action.PULL, repository, here)
    return DeletePermit(who.subject, repository, who.version, origin, who.credential, known, tags, read)


def catalog(who: Identity, origin: Origin, now: int, *, everything: bool) -> CatalogPermit:
    """The permit to list the repositories that `who` may know; `everything`: all. Raises `InsufficientScope`."""
    if who.ceiling is not None and not any(
        entry.kind == REGISTRY and entry.name == CATALOG and "*" in entry.actions for entry in who.ceiling
    ):
        raise InsufficientScope(f"{REGISTRY}:{CATALOG}:*")
    shown = who.rights.shown(Circumstances(origin.address, now, who.credential.claims))
    return CatalogPermit(who.subject, who.version, origin, None if everything else shown, who.credential)


def path(who: Identity, at: str, origin: Origin, now: int) -> PathPermit:
    """The permit to manage at and below a path, which decides nothing yet: its holder is asked about each repository.
    For the management API, which has admitted `who`; `now`: the database's clock, not 0."""
    here = Circumstances(origin.address, now, who.credential.claims)
    return PathPermit(who.subject, at, who.version, origin, who.rights, here, who.credential, who.proof)


def reading(who: Identity, repository: RepositoryName, origin: Origin, now: int) -> Reading:
    """What `who` may read, inside the ceiling of its token. Raises `InsufficientScope`."""
    known: Reading | None = who.kept.get(repository)
    if known is not None:
        return known
    entry = _entry(who, repository, "pull")
    here = Circumstances(origin.address, now, who.credential.claims)
    tags = who.rights.tags(Action.PULL, repository, here)
    listing = who.rights.tags(Action.LIST, repository, here)
    may_push = _within(entry, "push") and any(
        not who.rights.tags(action, repository, here).nothing for action in PUSH_ACTIONS
    )
    found = Reading(
        entry.repository_id if entry is not None else 0, may_push, tags, listing if listing.everything else tags
    )
    if not who.rights.conditional:
        if len(who.kept) >= _KEPT:
            del who.kept[next(iter(who.kept))]
        who.kept[repository] = found
    return found


def _permit(who: Identity, repository: RepositoryName, origin: Origin, found: Reading) -> PullPermit:
    return PullPermit(
        who.subject,
        repository,
        who.version,
        origin,
        who.credential,
        found.repository_id,
        found.may_push,
        found.tags,
        found.listing,
    )


def _entry(who: Identity, repository: str, action: str) -> ScopeEntry | None:
    """What the token was asked for in `repository`, None when nothing bounds it. Raises `InsufficientScope`."""
    if who.ceiling is None:
        return None
    for entry in who.ceiling:
        if entry.name == repository and entry.kind == REPOSITORY and _within(entry, action):
            return entry
    raise InsufficientScope(f"{REPOSITORY}:{repository}:{'pull,push' if action == 'push' else action}")


def _within(entry: ScopeEntry | None, action: str) -> bool:
    return entry is None or action in entry.actions or "*" in entry.actions
