"""Grants, roles, groups and visibility as the management shows them. Times are microseconds since the epoch, by the
database's clock; `changed` is the policy version of the last change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.policy.model import Action, Effect, Grant

REACHABLE = (
    "a deny of pull at tags is about names: what a tag that the subject may pull reaches too stays readable by digest"
)


class NewGrant(NamedTuple):
    """A grant to make. `subject`: `user:NAME`, `group:NAME`, `robot:NAMESPACE+NAME` or `anonymous`; `scope`:
    `REPO-GLOB[:TAG-GLOB]`; `role`, or for a deny None and the actions in `deny`; `conditions`: as they are written
    (policy/written.py); `expires_at`: 0 never."""

    subject: str
    scope: str
    role: str | None = None
    deny: tuple[str, ...] = ()
    conditions: Mapping[str, object] | None = None
    expires_at: int = 0
    note: str = ""


class KeptGrant(NamedTuple):
    """A grant that stands. `made_over`: how far up its maker managed access then ('': an administrator); `used_at`:
    when a client last did what it allows, or was refused what it denies; None: not seen, or not told."""

    grant: Grant
    made_at: int
    made_by: str
    made_over: str
    used_at: int | None = None

    @property
    def id(self) -> int:
        """Its number."""
        return self.grant.id

    @property
    def notice(self) -> str:
        """What its maker should know; '' nothing."""
        deny = self.grant.effect is Effect.DENY and self.grant.tag is not None and Action.PULL in self.grant.actions
        return REACHABLE if deny else ""


class Role(NamedTuple):
    """A list of actions with a name. `built_in`: the program's, which nobody changes."""

    name: str
    actions: frozenset[Action]
    description: str | None
    built_in: bool
    made_at: int
    made_by: str
    changed: int


class Group(NamedTuple):
    """A group. `provider`: the sign-in that says who is in it, None: a local one."""

    id: int
    name: str
    provider: str | None
    description: str | None
    made_at: int
    made_by: str
    changed: int


class Effective(NamedTuple):
    """Whether a path is open to everyone, and where that is said (None: nowhere; then it is private)."""

    path: str
    public: bool
    set_at: str | None
