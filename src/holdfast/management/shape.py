"""Answers that several routers give: subjects, grants, conditions."""

from __future__ import annotations

from typing import Literal

from holdfast.access.policy.model import Conditions, Effect, Grant, TimeWindow
from holdfast.api.shape import Moment, Output

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TimesView(Output):
    """A time window: on these days (none: every day), from minute to minute of the day (`HH:MM`, in `zone`), between
    two moments (null: open)."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    start: str
    end: str
    zone: str
    not_before: Moment | None
    not_after: Moment | None


class ConditionsView(Output):
    """All of them must hold: one of the networks, one of the time windows, every claim."""

    networks: list[str]
    times: list[TimesView]
    claims: dict[str, str]


class GrantView(Output):
    """One grant or deny. `role` is null for a deny, whose `actions` are what it denies."""

    id: int
    effect: Literal["allow", "deny"]
    subject: str
    role: str | None
    actions: list[str]
    repository: str
    tag: str | None
    scope: str
    conditions: ConditionsView | None
    expires_at: Moment | None
    note: str


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
        conditions=conditions_view(grant.conditions) if grant.conditions.any else None,
        expires_at=grant.expires_at or None,
        note=grant.note,
    )


def conditions_view(conditions: Conditions) -> ConditionsView:
    """Conditions as the API shows them."""
    return ConditionsView(
        networks=list(map(str, conditions.networks)),
        times=list(map(_times_view, conditions.times)),
        claims=dict(conditions.claims),
    )


def _times_view(window: TimeWindow) -> TimesView:
    return TimesView(
        days=[_DAYS[day] for day in window.days],  # type: ignore[misc]
        start=_clock(window.start),
        end=_clock(window.end),
        zone=window.zone,
        not_before=window.not_before or None,
        not_after=window.not_after or None,
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
