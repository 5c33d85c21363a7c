"""The one engine: what a subject's grants say of an action in a repository, and at which of its tags.

`Rights` are compiled from the grants that name a subject, its groups, or everyone; they are immutable and belong to a
policy version. Nothing else in the program decides; what explains reads the same grants by the same tests. A deny wins
over every allow; a key's limits and public visibility are part of the same decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
NOBODY = "anonymous"
"""How the subject is called that nobody is."""
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

    def __repr__(self) -> str:
        return f"<{self.rights.subject}: {self.action} in {self.repository}>"


class TagRights:
    """At which tags of one repository an action is allowed: those that every set of `both` has a match for, and no
    glob of `deny` matches. `nothing`: at none; `everything`: at all."""

    __slots__ = ("_asked", "both", "deny", "everything", "nothing")

    ALL: ClassVar[TagRights]
    NONE: ClassVar[TagRights]

    def __init__(
        self, both: tuple[tuple[TagGlob, ...], ...], deny: tuple[TagGlob, ...], asked: Question | None = None
    ) -> None:
        if deny:  # what a deny covers is no allow: whoever has nothing else has nothing
            both = tuple(tuple(glob for glob in globs if not any(no.covers(glob) for no in deny)) for globs in both)
        self.both = both
        self.deny = deny
        self._asked = asked
        self.nothing = not all(both) or any(glob.everything for glob in deny)
        self.everything = not (deny or self.nothing) and all(any(g.everything for g in globs) for globs in both)

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
        asked = self._asked
        return asked.rights.refuse(asked.action, asked.repository, tag, asked.circumstances)

    def __repr__(self) -> str:
        if self.everything or self.nothing:
            return f"<TagRights: {'everything' if self.everything else 'nothing'}>"
        allowed = " and ".join("|".join(glob.text for glob in globs) for globs in self.both)
        return f"<TagRights: {allowed}{''.join(f' not {glob.text}' for glob in self.deny)}>"


TagRights.ALL = TagRights((), ())
TagRights.NONE = TagRights(((),), ())


class Rights:
    """What one subject may do, by its grants. `public`: path -> whether it is open to everyone (the longest prefix of a
    repository's name decides); `bounds`: a key's limits, None: none; `subject`: how the subject is called;
    `conditional`: whether what is decided may change with time, place or claims."""

    __slots__ = ("_allows", "_denies", "_known", "bounds", "conditional", "grants", "public", "subject")

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
        self.conditional = any(grant.conditions.any or grant.expires_at for grant in self.grants)
        self._allows = _by_home(grant for grant in grants if grant.effect is Effect.ALLOW)
        self._denies = _by_home(grant for grant in grants if grant.effect is Effect.DENY)
        self._known: dict[tuple[Action, str], TagRights] = {}

    def tags(self, action: Action, repository: str, circumstances: Circumstances = ANYWHERE) -> TagRights:
        """At which tags of `repository` the action is allowed; for an action that is not about tags all or none."""
        key = (action, repository)
        known = self._known.get(key)
        if known is not None:
            return known
        asked = Question(self, action, repository, circumstances)
        if action in SYSTEM_ACTIONS:
            return TagRights(((_EVERY,),) if self.system(action, circumstances) else ((),), (), asked)
        prefixes = _prefixes(repository)
        deny, always = _holding(self._denies, prefixes, asked, enough=False) if self._denies else ([], True)
        if action in PUBLIC_ACTIONS and self.public and self.is_public(repository):
            allow = [_EVERY]
        else:
            allow, certain = _holding(self._allows, prefixes, asked, enough=True)
            always = always and certain
        both: tuple[tuple[TagGlob, ...], ...] = (tuple(allow),)
        if self.bounds is not None:
            both = (*both, tuple(self._bounded(action, repository)))
        found = TagRights(both, tuple(deny), asked)
        if always:
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
        granted, denied = (
            any(
                rule.glob.everything
                and action in rule.grant.actions
                and rule.grant.tag is None
                and (rule.plain or hold(rule.grant, circumstances))
                for rule in rules.get("", ())
            )
            for rules in (self._allows, self._denies)
        )
        bounded = self.bounds is None or any(
            action in bound.actions and RepositoryGlob.parse(bound.repository).everything and bound.tag is None
            for bound in self.bounds
        )
        return bounded and granted and not denied

    def ever(self, action: Action, now: int) -> bool:
        """Whether a grant that has not ended at `now` (microseconds) gives an action on the installation, whatever its
        conditions are, and whatever is denied."""
        return any(
            grant.effect is Effect.ALLOW
            and action in grant.actions
            and grant.tag is None
            and RepositoryGlob.parse(grant.repository).everything
            and not 0 < grant.expires_at <= now
            for grant in self.grants
        )

    def everywhere(self, action: Action, circumstances: Circumstances) -> bool:
        """Whether the action is allowed in every repository, that there is or will be, at all tags."""
        spoken = [grant for grant in self.grants if action in grant.actions]
        if any(grant.effect is Effect.DENY for grant in spoken):
            return False
        granted = any(
            grant.tag is None and RepositoryGlob.parse(grant.repository).everything and hold(grant, circumstances)
            for grant in spoken
        )
        return granted and (
            self.bounds is None
            or any(
                action in bound.actions and bound.tag is None and RepositoryGlob.parse(bound.repository).everything
                for bound in self.bounds
            )
        )

    def somewhere(self, action: Action, circumstances: Circumstances) -> bool:
        """Whether some grant that holds now allows the action, wherever: what is shown to who has it is not decided by
        this, only whether it is worth asking."""
        return any(
            grant.effect is Effect.ALLOW and action in grant.actions and hold(grant, circumstances)
            for grant in self.grants
        )

    def shown(self, circumstances: Circumstances) -> Shown:
        """Which repositories the subject may be told of."""
        return Shown(self, circumstances)

    def refuse(
        self, action: Action, repository: str, tag: str | None = None, circumstances: Circumstances = ANYWHERE
    ) -> Denied:
        """The refusal of `action`, with the reason that the subject may know."""
        known = self.subject != NOBODY
        if action in SYSTEM_ACTIONS:
            grants = [grant for grant in self.grants if action in grant.actions and grant.repository == "**"]
            return refusal(grants, action, repository, None, circumstances, known=known)
        within = self.bounds is None or any(
            tag is None or glob.matches(tag) for glob in self._bounded(action, repository)
        )
        return refusal(
            list(self.matching(action, repository)),
            action,
            repository,
            tag,
            circumstances,
            bounded=not within,
            known=known,
        )

    def matching(self, action: Action, repository: str) -> Iterator[Grant]:
        """The grants that speak of `action` in `repository`, whatever their tags and conditions; by number."""
        found = [
            rule.grant
            for prefix in _prefixes(repository)
            for rule in (*self._denies.get(prefix, ()), *self._allows.get(prefix, ()))
            if action in rule.grant.actions and rule.glob.matches(repository)
        ]
        return iter(sorted(found, key=lambda grant: grant.id))

    def near(self, home: str) -> tuple[list[Grant], list[Grant]]:
        """What can bear on a scope that lives at `home`: the allows at or above it (no number of others holds all of
        it), and the denies above, at and below it."""
        above = _prefixes(home) if home else [""]
        below = self._denies if not home else (each for each in self._denies if each.startswith(home + "/"))
        return (
            [rule.grant for path in above for rule in self._allows.get(path, ())],
            [rule.grant for path in {*above, *below} for rule in self._denies.get(path, ())],
        )

    def is_public(self, repository: str) -> bool:
        """Whether the repository is open to everyone."""
        for prefix in reversed(_prefixes(repository)):
            if prefix in self.public:
                return self.public[prefix]
        return False

    def __repr__(self) -> str:
        return f"<Rights of {self.subject}: {len(self.grants)} grants{'' if self.bounds is None else ', bounded'}>"

    def _bounded(self, action: Action, repository: str) -> Iterator[TagGlob]:
        """What the limits of the key leave of the repository."""
        for bound in self.bounds or ():
            if action in bound.actions and RepositoryGlob.parse(bound.repository).matches(repository):
                if bound.tag is None:
                    yield _EVERY
                elif action in TAG_ACTIONS:
                    yield TagGlob.parse(bound.tag)


class Shown:
    """Which repositories a subject may be told of: those where it may list, or pull any tag. `everything`: all."""

    __slots__ = ("_circumstances", "_rights", "everything")

    def __init__(self, rights: Rights, circumstances: Circumstances) -> None:
        self._rights = rights
        self._circumstances = circumstances
        self.everything = any(self._all(action) for action in (Action.LIST, Action.PULL))

    def shows(self, repository: str) -> bool:
        """Whether it may be told of `repository`."""
        tags = self._rights.tags
        return self.everything or not (
            tags(Action.LIST, repository, self._circumstances).nothing
            and tags(Action.PULL, repository, self._circumstances).nothing
        )

    def prefixes(self) -> tuple[str, ...] | None:
        """The paths, sorted, none inside another, that every shown repository is or is below; None: no limit.
        (The names under one path need not follow each other: `a-b` sorts between `a` and `a/b`.)"""
        found = {path for path, is_public in self._rights.public.items() if is_public}
        for grant in self._rights.grants:
            if grant.effect is Effect.ALLOW and not grant.actions.isdisjoint(PUBLIC_ACTIONS):
                found.add(RepositoryGlob.parse(grant.repository).home)
        if "" in found:
            return None
        return tuple(path for path in sorted(found) if found.isdisjoint(_prefixes(path)[1:-1]))

    def globs(self) -> tuple[tuple[RepositoryGlob, ...], bool]:
        """Globs that match every shown repository, and whether every repository that they match is shown."""
        rights = self._rights
        granted = [
            grant
            for grant in rights.grants
            if grant.effect is Effect.ALLOW and not grant.actions.isdisjoint(PUBLIC_ACTIONS)
        ]
        denied = any(
            grant.effect is Effect.DENY and not grant.actions.isdisjoint(PUBLIC_ACTIONS) for grant in rights.grants
        )
        texts = {grant.repository for grant in granted}
        texts |= {f"{path}/**" if path else "**" for path, is_public in rights.public.items() if is_public}
        plain = not any(grant.conditions.any or grant.expires_at for grant in granted)
        exact = plain and not denied and rights.bounds is None and all(rights.public.values())
        return tuple(RepositoryGlob.parse(text) for text in sorted(texts)), exact

    def _all(self, action: Action) -> bool:
        spoken = [grant for grant in self._rights.grants if action in grant.actions]
        if any(grant.effect is Effect.DENY for grant in spoken):
            return False
        bounds = self._rights.bounds
        return any(
            grant.tag is None and RepositoryGlob.parse(grant.repository).everything and hold(grant, self._circumstances)
            for grant in spoken
        ) and (
            bounds is None
            or any(
                action in bound.actions
                and RepositoryGlob.parse(bound.repository).everything
                and (bound.tag is None or action in TAG_ACTIONS)
                for bound in bounds
            )
        )


class _Rule(NamedTuple):
    """A grant, with what is decided by once for all requests. `plain`: it holds whatever the circumstances."""

    glob: RepositoryGlob
    tag: TagGlob
    plain: bool
    grant: Grant


_Rules = dict[str, list[_Rule]]
_EVERY = TagGlob("*")


def _by_home(grants: Iterable[Grant]) -> _Rules:
    """Rules by the path that they live at; first the plain ones on everything there, which need no further look."""
    found: _Rules = {}
    for grant in grants:
        glob = RepositoryGlob.parse(grant.repository)
        tag = TagGlob.parse(grant.tag) if grant.tag is not None else _EVERY
        plain = not grant.conditions.any and not grant.expires_at
        found.setdefault(glob.home, []).append(_Rule(glob, tag, plain, grant))
    for rules in found.values():
        if len(rules) > 1:
            rules.sort(key=lambda rule: (not rule.plain, rule.grant.tag is not None, len(rule.glob.segments)))
    return found


def _holding(rules: _Rules, prefixes: list[str], asked: Question, *, enough: bool) -> tuple[list[TagGlob], bool]:
    """The tags of the rules that hold for what is asked, and whether they would in any circumstances. `enough`: one
    plain rule about every tag is all there is to know."""
    _, action, repository, circumstances = asked
    about_tags = action in TAG_ACTIONS
    found: list[TagGlob] = []
    certain = True
    for prefix in prefixes:
        for glob, tag, plain, grant in rules.get(prefix, ()):
            if action not in grant.actions or not (about_tags or grant.tag is None) or not glob.matches(repository):
                continue
            if plain:
                if enough and tag.everything:
                    return [_EVERY], True
                found.append(tag)
                continue
            certain = False
            if hold(grant, circumstances):
                found.append(tag)
    return found, certain


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
