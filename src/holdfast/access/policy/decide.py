"""The one engine: what a subject's grants say of an action in a repository, and at which of its tags.

`Rights` are compiled from the grants that name a subject, its groups, or everyone; they are immutable and belong to a
policy version. Nothing else in the program decides; what explains reads the same grants by the same tests. A deny wins
over every allow; a key's limits and public visibility are part of the same decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

from holdfast.access.errors import Denied
from holdfast.access.policy.conditions import hold
from holdfast.access.policy.globs import RepositoryGlob, TagGlob
from holdfast.access.policy.model import (
    ANYWHERE,
    SYSTEM_ACTIONS,
    TAG_ACTIONS,
    Action,
    Circumstances,
    Effect,
    Grant,
    Grantee,
    GranteeKind,
)
from holdfast.access.policy.reasons import refusal

PUBLIC_ACTIONS = frozenset({Action.PULL, Action.LIST})
"""What a public repository allows everyone."""
_REMEMBERED = 4096


class Bound(NamedTuple):
    """What a key may at most: actions, in repositories and at tags of these globs (tag None: all)."""

    actions: frozenset[Action]
    repository: str
    tag: str | None = None


class Question(NamedTuple):
    """What is asked: may the holder of `rights` do `action` in `repository`, under these circumstances."""

    rights: Rights
    action: Action
    repository: str
    circumstances: Circumstances


class TagRights:
    """At which tags of one repository an action is allowed: those that every set of `both` has a match for, and no
    glob of `deny` matches."""

    __slots__ = ("_asked", "both", "deny", "everything", "nothing")

    ALL: ClassVar[TagRights]
    NONE: ClassVar[TagRights]

    def __init__(
        self, both: tuple[tuple[TagGlob, ...], ...], deny: tuple[TagGlob, ...], asked: Question | None = None
    ) -> None:
        self.both = both
        self.deny = deny
        self._asked = asked
        denied = any(glob.everything for glob in deny)
        self.nothing = denied or any(not globs for globs in both)
        self.everything = not deny and all(any(glob.everything for glob in globs) for globs in both)

    def allows(self, tag: str) -> bool:
        """Whether the action is allowed at `tag`."""
        if self.everything:
            return True
        return all(any(glob.matches(tag) for glob in globs) for globs in self.both) and not any(
            glob.matches(tag) for glob in self.deny
        )

    def refuse(self, tag: str | None = None) -> Denied:
        """The refusal of the action at `tag` (None: in the repository), with its reason."""
        if self._asked is None:
            return Denied("this is refused")
        return self._asked.rights.refuse(self._asked.action, self._asked.repository, tag)


TagRights.ALL = TagRights((), ())
TagRights.NONE = TagRights(((),), ())


class Rights:
    """What one subject may do, by its grants. `public`: path -> whether it is open to everyone (the longest prefix of a
    repository's name decides); `bounds`: a key's limits, None: none; `subject`: how the subject is called."""

    __slots__ = ("_by_home", "_known", "_wild", "bounds", "grants", "public", "subject")

    EVERYTHING: ClassVar[Rights]

    def __init__(
        self,
        subject: str,
        grants: Sequence[Grant],
        public: Mapping[str, bool],
        bounds: tuple[Bound, ...] | None = None,
    ) -> None:
        self.subject = subject
        self.grants = tuple(grants)
        self.public = public
        self.bounds = bounds
        self._by_home: dict[str, list[tuple[RepositoryGlob, Grant]]] = {}
        for grant in grants:
            glob = RepositoryGlob.parse(grant.repository)
            self._by_home.setdefault(glob.home, []).append((glob, grant))
        self._known: dict[tuple[Action, str], TagRights] = {}

    def tags(self, action: Action, repository: str, circumstances: Circumstances = ANYWHERE) -> TagRights:
        """At which tags of `repository` the action is allowed; for an action that is not about tags all or none."""
        key = (action, repository)
        known = self._known.get(key)
        if known is not None:
            return known
        matching = list(self.matching(action, repository))
        found = self._decide(action, repository, matching, circumstances)
        if not any(grant.conditions.any or grant.expires_at for grant in matching):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def allows(
        self, action: Action, repository: str, tag: str | None = None, circumstances: Circumstances = ANYWHERE
    ) -> bool:
        """Whether the action is allowed at `tag`; without one: in the repository as a whole."""
        tags = self.tags(action, repository, circumstances)
        return tags.everything if tag is None else tags.allows(tag)

    def system(self, action: Action, circumstances: Circumstances = ANYWHERE) -> bool:
        """Whether an action on the installation (`SYSTEM_ACTIONS`) is allowed."""
        granted = [
            grant
            for glob, grant in self._by_home.get("", ())
            if glob.everything and action in grant.actions and grant.tag is None and hold(grant, circumstances)
        ]
        bounded = self.bounds is None or any(
            action in bound.actions and bound.repository == "**" and bound.tag is None for bound in self.bounds
        )
        return bounded and bool(granted) and all(grant.effect is Effect.ALLOW for grant in granted)

    def refuse(self, action: Action, repository: str, tag: str | None = None) -> Denied:
        """The refusal of `action`, with the reason that the subject may know."""
        return refusal(list(self.matching(action, repository)), action, repository, tag)

    def matching(self, action: Action, repository: str) -> Iterator[Grant]:
        """The grants that speak of `action` in `repository`, whatever their tags and conditions."""
        for prefix in _prefixes(repository):
            for glob, grant in self._by_home.get(prefix, ()):
                if action in grant.actions and glob.matches(repository):
                    yield grant

    def is_public(self, repository: str) -> bool:
        """Whether the repository is open to everyone."""
        for prefix in reversed(_prefixes(repository)):
            if prefix in self.public:
                return self.public[prefix]
        return False

    def _decide(
        self, action: Action, repository: str, matching: Sequence[Grant], circumstances: Circumstances
    ) -> TagRights:
        asked = Question(self, action, repository, circumstances)
        about_tags = action in TAG_ACTIONS
        allow: list[TagGlob] = []
        deny: list[TagGlob] = []
        if action in SYSTEM_ACTIONS:
            return TagRights(((_EVERY,),) if self.system(action, circumstances) else ((),), (), asked)
        if action in PUBLIC_ACTIONS and self.is_public(repository):
            allow.append(_EVERY)
        for grant in matching:
            if not hold(grant, circumstances) or (grant.tag is not None and not about_tags):
                continue
            (allow if grant.effect is Effect.ALLOW else deny).append(
                TagGlob.parse(grant.tag) if grant.tag is not None else _EVERY
            )
        both = [tuple(allow)]
        if self.bounds is not None:
            both.append(tuple(self._bounded(action, repository)))
        return TagRights(tuple(both), tuple(deny), asked)

    def _bounded(self, action: Action, repository: str) -> Iterator[TagGlob]:
        for bound in self.bounds or ():
            if action in bound.actions and RepositoryGlob.parse(bound.repository).matches(repository):
                if bound.tag is None:
                    yield _EVERY
                elif action in TAG_ACTIONS:
                    yield TagGlob.parse(bound.tag)


_EVERY = TagGlob("*")


def _prefixes(repository: str) -> list[str]:
    """'', 'a', 'a/b', ... the whole name: the homes that a grant on it can have."""
    found = [""]
    at = repository.find("/")
    while at >= 0:
        found.append(repository[:at])
        at = repository.find("/", at + 1)
    found.append(repository)
    return found


Rights.EVERYTHING = Rights(
    "anonymous",
    [Grant(0, Effect.ALLOW, Grantee(GranteeKind.ANONYMOUS, 0, "anonymous"), "administrator", frozenset(Action), "**")],
    {},
)
