"""Grants, roles and conditions as values.

A grant is subject x role x repository glob x tag glob x conditions; a deny names actions instead of a role, and wins.
Repository globs match whole names, segment by segment: `*` stays in a segment, `**` spans segments, `a/**` includes
`a`. Tag globs match whole tags; `*` is any run of characters. A grant lives at its `home`, the longest literal prefix
of its repository glob.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import NamedTuple


class Action(StrEnum):
    """What may be done. An action is never renamed: roles, keys and files name it."""

    PULL = "pull"
    CREATE_TAG = "create-tag"
    OVERWRITE = "overwrite"
    DELETE_TAG = "delete-tag"
    SIGN = "sign"
    CREATE_REPOSITORY = "create-repository"
    LIST = "list"
    SETTINGS = "settings"
    DELETE_REPOSITORY = "delete-repository"
    MANAGE_ACCESS = "manage-access"
    READ_AUDIT = "read-audit"
    OPERATE = "operate"
    PURGE = "purge"
    ADMINISTER = "administer"


TAG_ACTIONS = frozenset({Action.PULL, Action.CREATE_TAG, Action.OVERWRITE, Action.DELETE_TAG, Action.SIGN})
"""Actions on tags, and on what tags reach; a grant with a tag glob confers no others."""
SYSTEM_ACTIONS = frozenset({Action.OPERATE, Action.PURGE, Action.ADMINISTER})
"""Actions on the installation: only a grant on `**` without a tag glob confers them."""
PUSH_ACTIONS = frozenset({Action.CREATE_TAG, Action.OVERWRITE, Action.SIGN})
"""Any of these on any tag of a repository lets upload blobs and put manifests by digest."""

_READER = frozenset({Action.PULL, Action.LIST})
_WRITER = _READER | PUSH_ACTIONS | {Action.CREATE_REPOSITORY}
_MAINTAINER = _WRITER | {Action.DELETE_TAG, Action.SETTINGS}
_OWNER = _MAINTAINER | {Action.DELETE_REPOSITORY, Action.MANAGE_ACCESS, Action.READ_AUDIT}
BUILT_IN_ROLES: Mapping[str, frozenset[Action]] = MappingProxyType(
    {
        "reader": _READER,
        "writer": frozenset(_WRITER),
        "maintainer": frozenset(_MAINTAINER),
        "owner": frozenset(_OWNER),
        "auditor": frozenset({Action.LIST, Action.READ_AUDIT}),
        "operator": frozenset({Action.LIST, Action.OPERATE}),
        "administrator": frozenset(Action),
    }
)
"""The roles that every installation has; nobody can change them."""


class Effect(IntEnum):
    """Whether a grant allows or denies; the number stands in `access_grant.effect`."""

    ALLOW = 0
    DENY = 1


class GranteeKind(IntEnum):
    """To whom a grant is made; the number stands in `access_grant.subject_kind`. What anonymous may, everyone may."""

    ANONYMOUS = 0
    ACCOUNT = 1
    GROUP = 2


class Grantee(NamedTuple):
    """To whom a grant is made: `id` 0 for anonymous; `name` as people write it (`user:alice`, `group:corp/dev`)."""

    kind: GranteeKind
    id: int
    name: str


class TimeWindow(NamedTuple):
    """When a grant holds. `days`: 0 (Monday) to 6, empty: every day; `start` and `end` in minutes of the day in `zone`
    (an IANA name), `end` before `start` goes past midnight, and equal ones are the whole day; `not_before` and
    `not_after` in microseconds, 0: open."""

    days: tuple[int, ...] = ()
    start: int = 0
    end: int = 0
    zone: str = "UTC"
    not_before: int = 0
    not_after: int = 0


class Conditions(NamedTuple):
    """All of them must hold. `networks`: where the request may come from; `times`: one of these windows; `claims`: what
    the machine's token must say, exactly or by a glob."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    times: tuple[TimeWindow, ...] = ()
    claims: Mapping[str, str] = MappingProxyType({})

    @property
    def any(self) -> bool:
        """Whether there is a condition at all."""
        return bool(self.networks or self.times or self.claims)


class Grant(NamedTuple):
    """One grant or deny. `actions`: what its role says now, or what a deny names. `tag` None: the repository as a
    whole, all its tags among it. `expires_at`: microseconds, 0: never."""

    id: int
    effect: Effect
    grantee: Grantee
    role: str | None
    actions: frozenset[Action]
    repository: str
    tag: str | None = None
    conditions: Conditions = Conditions()
    expires_at: int = 0
    note: str = ""

    @property
    def scope(self) -> str:
        """`REPO-GLOB[:TAG-GLOB]`, as people write it."""
        return self.repository if self.tag is None else f"{self.repository}:{self.tag}"


class Circumstances(NamedTuple):
    """What conditions look at: the client's address ('': not known), the time (microseconds, the database's clock; 0:
    not known), the token's claims. Whoever decides a request gives the time: with 0 no grant holds that ends or has
    hours."""

    address: str
    now: int
    claims: Mapping[str, str] = MappingProxyType({})


ANYWHERE = Circumstances("", 0)
"""Circumstances of which nothing is known: conditional allows do not hold, conditional denies do."""
