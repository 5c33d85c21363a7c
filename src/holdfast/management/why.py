"""`/why`: why somebody may do something or not, answered by the engine that decides; and who may."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.errors import Invalid
from holdfast.access.policy.explain import Explanation, Rule
from holdfast.access.why import Holder, Why
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Output
from holdfast.management.shape import GrantView, grant_view

_Action = Annotated[str, Query(max_length=64, description="`pull`, `create-tag`, `overwrite` ...")]
_Repository = Annotated[str, Query(max_length=512, description="Needed but for `operate` and `administer`.")]
_Tag = Annotated[str | None, Query(max_length=256)]


class ReasonView(Output):
    """A grant or deny that speaks of the action there. `inherited_from`: the path it lives at, '' the root; `fails`:
    why it does not count, '' when it counts."""

    grant: GrantView
    inherited_from: str
    fails: str


class ExplanationView(Output):
    """Why `subject` may do `action` or not. `extent`: without a tag, whether at all tags, at some, or at none;
    `decisive`: the rules that made the difference; `rules`: all that speak of it, as far as the caller may know;
    `public_at`: the path that opens the repository to everyone (null: none does); `remedy`: what would allow it."""

    allowed: bool
    extent: Literal["all", "some", "none"]
    subject: str
    action: str
    repository: str
    tag: str | None
    reason: str
    decisive: list[ReasonView]
    rules: list[ReasonView]
    public_at: str | None
    remedy: str


class HolderView(Output):
    """Somebody who may, and why."""

    subject: str
    reason: str
    extent: Literal["all", "some", "none"]


class WhyHandlers:
    """The questions about rights."""

    def __init__(self, why: Why) -> None:
        self._why = why

    async def explain(
        self,
        caller: Asking,
        subject: Annotated[
            str, Query(max_length=512, description="`user:NAME`, `group:NAME`, `robot:NAMESPACE+NAME`, `anonymous`.")
        ],
        action: _Action,
        repository: _Repository = "",
        tag: _Tag = None,
        *,
        address: Annotated[str | None, Query(max_length=64, description="As if it came from here.")] = None,
        at: Annotated[GivenMoment | None, Query(description="As if it were then.")] = None,
    ) -> ExplanationView:
        """Why a subject may do an action or not, by which grant, inherited from where, and what would allow it.

        About oneself: the rules that name the caller or its groups. About others, and in full: for who manages access
        or reads the audit there; everyone else gets 404, whether or not there is anything.
        """
        _check(repository, action)
        told = await self._why.ask(
            caller.who, subject, action, repository, tag, address=address, at=at, origin=caller.origin
        )
        return explanation_view(told)

    async def list_holders(
        self, caller: Asking, paging: Paged, action: _Action, repository: _Repository = "", tag: _Tag = None
    ) -> Page[HolderView]:
        """Who may do an action now, by a grant to them or their groups. For who manages access or reads the audit
        there. What everyone may is not in it."""
        _check(repository, action)
        found = await self._why.holders(
            caller.who, action, repository, tag, after=paging.after_text(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, _holder, lambda holder: holder.subject.name)


def explanation_view(told: Explanation) -> ExplanationView:
    """An explanation as the API shows it."""
    return ExplanationView(
        allowed=told.allowed,
        extent=told.extent.value,
        subject=told.subject,
        action=str(told.action),
        repository=told.repository,
        tag=told.tag,
        reason=told.reason,
        decisive=list(map(_rule, told.decisive)),
        rules=list(map(_rule, told.rules)),
        public_at=told.public_at,
        remedy=told.remedy,
    )


def _rule(rule: Rule) -> ReasonView:
    return ReasonView(grant=grant_view(rule.grant), inherited_from=rule.inherited_from, fails=rule.fails)


def _holder(holder: Holder) -> HolderView:
    told = holder.explanation
    return HolderView(subject=holder.subject.actor, reason=told.reason, extent=told.extent.value)


def _check(repository: str, action: str) -> None:
    if not repository and action not in ("operate", "administer"):
        raise Invalid("repository", "name the repository")


def why_routes(why: Why) -> Routes:
    """The routes of `/why`."""
    on = WhyHandlers(why)
    return routes("/why", "why", Route("GET", "", on.explain), Route("GET", "/holders", on.list_holders))
