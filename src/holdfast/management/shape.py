"""What several routers give and take: grants, conditions, the limits of keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Conditions, Effect, Grant
from holdfast.access.policy.written import write_conditions
from holdfast.api.shape import Input, Moment, Output

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class TimesShape(Input):
    """A time window: on these days (none: every day), between two times of the day (`HH:MM`, in `zone`; an end before
    the start is on the next day), between two moments. What is left out is open."""

    days: list[Day] = Field(default_factory=list)
    start: str | None = Field(None, description="08:00")
    end: str | None = Field(None, description="18:00")
    zone: str | None = Field(None, description="Europe/Berlin; without it UTC")
    not_before: str | None = Field(None, description="2026-01-01T00:00:00Z")
    not_after: str | None = Field(None, description="2027-01-01T00:00:00Z")


class ConditionsShape(Input):
    """When a grant holds: from one of these networks, in one of these windows, with all of these claims in the
    machine's token (exactly, or by a glob). What is left out does not matter."""

    networks: list[str] = Field(default_factory=list, description="10.0.0.0/8, 2001:db8::/32")
    times: list[TimesShape] = Field(default_factory=list)
    claims: dict[str, str] = Field(default_factory=dict)


class GrantView(Output):
    """One grant or deny. `actions`: those of its role now, or what a deny denies; `role` null: a deny; `tag` null: the
    repository as a whole; `scope`: both globs as the command line takes them."""

    id: int
    effect: Literal["allow", "deny"]
    subject: str
    role: str | None
    actions: list[str]
    repository: str
    tag: str | None
    scope: str
    conditions: ConditionsShape | None
    expires_at: Moment | None
    note: str


class BoundView(Output):
    """What a key may at most: these actions, in repositories and at tags of these globs (tag null: all)."""

    actions: list[str]
    repository: str
    tag: str | None


def grant_view(grant: Grant) -> GrantView:
    """A grant as the API shows it."""
    return GrantView(
        id=grant.id,
        effect="deny" if grant.effect is Effect.DENY else "allow",
        subject=grant.grantee.name,
        role=grant.role,
        actions=sorted(grant.actions),
        repository=grant.repository,
        tag=grant.tag,
        scope=grant.scope,
        conditions=conditions_shape(grant.conditions),
        expires_at=grant.expires_at or None,
        note=grant.note,
    )


def conditions_shape(conditions: Conditions) -> ConditionsShape | None:
    """Conditions as the API shows them, null for none."""
    return ConditionsShape.model_validate(write_conditions(conditions)) if conditions.any else None


def bound_views(bounds: Iterable[Bound] | None) -> list[BoundView] | None:
    """The limits of a key as the API shows them, null for none."""
    if bounds is None:
        return None
    return [BoundView(actions=sorted(each.actions), repository=each.repository, tag=each.tag) for each in bounds]
