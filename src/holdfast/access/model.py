"""Subjects, credentials and permits: the values that carry a decision from `access` to the use-cases.

A permit is made by `holdfast.access.service.Access` alone. Every use-case of the registry takes one of the right class
first, and takes the repository from it: forgetting the check does not type-check, and what was decided for one
repository cannot be used on another. What depends on a tag is asked of the permit where the tag is known, in the same
unit that decides everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from holdfast.access.policy.decide import Bound, Rights, Shown, TagRights
from holdfast.access.policy.delegation import may_all
from holdfast.access.policy.languages import below
from holdfast.access.policy.model import Action, Circumstances
from holdfast.db.port import Reader
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName

UNCHECKED = -1
"""The policy version of a permit that no change of accounts can make stale (`--open`)."""


class SubjectKind(IntEnum):
    """What a subject is; the number stands in `account.kind`."""

    PERSON = 0
    ROBOT = 1


class Subject(NamedTuple):
    """Who asks. `id` is 0 for the anonymous subject. A robot is called `NAMESPACE+NAME`."""

    id: int
    name: str
    kind: SubjectKind = SubjectKind.PERSON

    @property
    def actor(self) -> str:
        """How the journal and people name the subject: `user:alice`, `robot:team+ci`, `anonymous`."""
        if not self.id:
            return self.name
        return f"{'robot' if self.kind is SubjectKind.ROBOT else 'user'}:{self.name}"


ANONYMOUS = Subject(0, "anonymous")


class CredentialKind(StrEnum):
    """By what a subject was recognised."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 - the word, not one
    KEY = "key"
    REFRESH = "refresh"
    FEDERATION = "federation"
    SESSION = "session"
    CERTIFICATE = "certificate"


class Credential(NamedTuple):
    """What a subject was recognised by. `id`: its row (`api_secret`, `refresh_token`, `federation_rule`), 0 for a
    password. `claims`: what an issuer said of the machine, for conditions. `proof`: which password it was, in a form
    that tells nothing of it; what was made of the password ends with it."""

    kind: CredentialKind = CredentialKind.NONE
    id: int = 0
    claims: Mapping[str, str] = MappingProxyType({})
    proof: str = ""

    @property
    def text(self) -> str:
        """How the journal names it: `password`, `key:12`; '' for none."""
        if self.kind is CredentialKind.NONE:
            return ""
        return f"{self.kind}:{self.id}" if self.id else str(self.kind)


class ScopeEntry(NamedTuple):
    """One resource that a token was asked for: `repository` or `registry`, its name, the actions asked for (of the
    token specification: pull, push, delete, *), and the id that the repository had then (0: there was none)."""

    kind: str
    name: str
    actions: frozenset[str]
    repository_id: int = 0


class Recognised(NamedTuple):
    """A credential that was found good: whose it is, until when (microseconds, 0: no end), and what bounds it beside
    the rights of its subject: the scope of a token (None: no token), the bounds of a key (None: none), and whether it
    is `slow` (request_limits.py)."""

    account_id: int
    credential: Credential
    until: int = 0
    ceiling: tuple[ScopeEntry, ...] | None = None
    bounds: tuple[Bound, ...] | None = None
    slow: bool = False


class Kept(dict[str, Any]):
    """What is only remembered, and tells nobody apart."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept)

    __hash__ = None


class Proof:
    """The one proof that an answer which only reads owes for all that it read (standing.py). `owed`: something was read
    that rests on it."""

    __slots__ = ("owed",)

    def __init__(self) -> None:
        self.owed = False


class Identity(msgspec.Struct, frozen=True, gc=False):
    """A subject that was recognised, its rights, and the policy version at which both were true.

    `until`: when this ends by itself, microseconds, 0: never. `ceiling`: see `Recognised`. `kept`: what was decided of
    repositories lately (permits.py); it takes no part in comparisons. `proof`: where what is read is proven at the end,
    all at once; None: each time.
    """

    subject: Subject
    version: int
    rights: Rights
    credential: Credential = Credential()
    until: int = 0
    ceiling: tuple[ScopeEntry, ...] | None = None
    kept: dict[str, Any] = msgspec.field(default_factory=Kept)
    slow: bool = False
    proof: Proof | None = None


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The right to do one kind of thing in one repository, decided at policy version `version`.

    `origin` is the request that the journal keeps beside what was done. `repository_id`: the repository that the
    credential speaks of, 0: whichever has the name.
    """

    subject: Subject
    repository: RepositoryName
    version: int
    origin: Origin
    credential: Credential = Credential()
    repository_id: int = 0


class PullPermit(Permit, frozen=True, gc=False):
    """May read what `tags` allows, by name, and by digest what such a tag reaches; and who `may_push` what it uploaded
    itself under a live lease. What someone who `may_push` is told to be present is leased to him.

    `listing`: which tags may be named to the reader."""

    may_push: bool = False
    tags: TagRights = TagRights.ALL
    listing: TagRights = TagRights.ALL


class PushPermit(Permit, frozen=True, gc=False):
    """May upload blobs and put manifests by digest. Tags are made and moved as `create` and `overwrite` allow; what
    refers to a subject needs `sign` and `pull` of it. `create_repository`: where there is none, it may be made.
    `renew`: issues the permit anew from the rights of a snapshot, for when rights change while a body comes."""

    create: TagRights = TagRights.ALL
    overwrite: TagRights = TagRights.ALL
    sign: TagRights = TagRights.ALL
    pull: TagRights = TagRights.ALL
    create_repository: TagRights = TagRights.ALL
    renew: Callable[[Reader], Awaitable[PushPermit]] | None = None


class DeletePermit(Permit, frozen=True, gc=False):
    """May delete tags that `tags` allows, and by digest what no other tag reaches. `pull`: what it may read, for what
    it may not is answered as if it were not there."""

    tags: TagRights = TagRights.ALL
    pull: TagRights = TagRights.ALL


class CatalogPermit(msgspec.Struct, frozen=True, gc=False):
    """May be told the repositories that are `shown`, None: all."""

    subject: Subject
    version: int
    origin: Origin
    shown: Shown | None = None
    credential: Credential = Credential()


class PathPermit(msgspec.Struct, frozen=True, gc=False):
    """What `subject` may do in repositories and to namespaces at and below `path` ('': everywhere), asked for each
    repository and tag where it is known; the identity was admitted, and not every repository below need be in sight.

    `rights`, `here`: what decides; `version`: the policy version at which they were true (check_permit); `proof`: of
    the identity."""

    subject: Subject
    path: str
    version: int
    origin: Origin
    rights: Rights
    here: Circumstances
    credential: Credential = Credential()
    proof: Proof | None = None

    def tags(self, action: Action, repository: str) -> TagRights:
        """At which tags of `repository` the action is allowed; for an action that is not about tags all or none."""
        return self.rights.tags(action, repository, self.here)

    def require(self, action: Action, repository: str, tag: str | None = None) -> None:
        """Raise `Denied` unless the action is allowed at `tag`; without one: in the repository as a whole."""
        found = self.tags(action, repository)
        if not (found.everything if tag is None else found.allows(tag)):
            raise found.refuse(tag)

    def pull(self, repository: RepositoryName) -> PullPermit:
        """The permit to read `repository`. Raises `Denied`."""
        tags = self.tags(Action.PULL, repository)
        if tags.nothing:
            raise tags.refuse()
        listing = self.tags(Action.LIST, repository)
        return PullPermit(
            self.subject,
            repository,
            self.version,
            self.origin,
            self.credential,
            tags=tags,
            listing=listing if listing.everything else tags,
        )

    def push(self, repository: RepositoryName) -> PushPermit:
        """The permit to write to `repository`. Raises `Denied`."""
        create, overwrite, sign, read = (
            self.tags(action, repository) for action in (Action.CREATE_TAG, Action.OVERWRITE, Action.SIGN, Action.PULL)
        )
        if create.nothing and overwrite.nothing and sign.nothing:
            raise create.refuse()
        return PushPermit(
            self.subject,
            repository,
            self.version,
            self.origin,
            self.credential,
            create=create,
            overwrite=overwrite,
            sign=sign,
            pull=read,
            create_repository=self.tags(Action.CREATE_REPOSITORY, repository),
        )

    def shows(self, repository: str) -> bool:
        """Whether the subject may be told of `repository`."""
        return self.rights.shown(self.here).shows(repository)

    def system(self, action: Action) -> bool:
        """Whether an action on the installation (`operate`, `administer`) is allowed."""
        return self.rights.system(action, self.here)

    def lacks(self, action: Action, path: str) -> bool:
        """Whether the action is not allowed on the whole of `path`: it, and all that is or will be below it."""
        return not may_all(self.rights, action, below(path), self.here)

    def require_all(self, action: Action, path: str) -> None:
        """Raise `Denied` unless the action is allowed on the whole of `path`: it, and all that is or will be below."""
        if self.lacks(action, path):
            raise self.rights.refuse(action, path or "**", None, self.here)
