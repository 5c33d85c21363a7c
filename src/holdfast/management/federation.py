"""`/federation`: which machines of an issuer are which robot, and what a token would come to."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from holdfast.access.federation.model import Rule
from holdfast.access.federation.rules import RuleDraft, Rules
from holdfast.access.federation.token import TOKEN_LIMIT
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment


class RuleView(Output):
    """A rule: a token of `issuer` whose claims all match is `robot`."""

    id: int
    namespace: str
    name: str
    issuer: str
    robot: str
    claims: dict[str, str]
    used_at: Moment | None
    made_at: Moment
    made_by: str


class NewRule(Input):
    """A rule to be made."""

    namespace: str = Field(max_length=255, description="Whose rule it is.")
    name: str = Field(max_length=64, description="What it is called there.")
    issuer: str = Field(max_length=64, description="The name of a registered issuer.")
    robot: str = Field(max_length=512, description="A robot of the namespace: `NAMESPACE+NAME`.")
    claims: dict[str, str] = Field(
        description="Each claim and what it must be, exactly or with `*`; a claim inside another has a path with `/`."
    )


class TokenTrial(Input):
    """A machine's token to be tried; it is kept nowhere."""

    token: str = Field(max_length=TOKEN_LIMIT)
    user: str = Field("", max_length=512, description="The user name that the machine sends.")


class TriedView(Output):
    """What one rule says of the token: null it matches, else why not."""

    namespace: str
    name: str
    robot: str
    refusal: str | None


class TrialView(Output):
    """What the token would come to. `robot` null: refused, `refusal` says why; `reads_only`: it speaks for a pull
    request, and never pushes; `claims`: what rules match; `rules`: those that the caller manages."""

    robot: str | None
    refusal: str | None
    issuer: str | None
    reads_only: bool
    ends_at: Moment | None
    claims: dict[str, str]
    rules: list[TriedView]


class FederationHandlers:
    """The operations on rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def list_federation_rules(
        self,
        caller: Asking,
        paging: Paged,
        namespace: Annotated[str | None, Query(max_length=255, description="Only this namespace's own.")] = None,
    ) -> Page[RuleView]:
        """List rules, those of the namespaces that the caller manages, oldest first."""
        found = await self._rules.page(
            caller.who, namespace=namespace, after=paging.after_number(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, rule_view, lambda rule: rule.id)

    async def add_federation_rule(self, caller: Asking, new: NewRule, response: Response) -> RuleView:
        """Make a rule. For who manages access on the whole namespace and could confer all that the robot holds."""
        draft = RuleDraft(new.namespace, new.name, new.issuer, new.robot, new.claims)
        return _answered(await self._rules.add(caller.who, draft, origin=caller.origin), response)

    async def show_federation_rule(
        self, caller: Asking, namespace: Segment, name: Segment, response: Response
    ) -> RuleView:
        """Show one rule."""
        return _answered(await self._rules.get(caller.who, namespace, name, origin=caller.origin), response)

    async def remove_federation_rule(
        self, caller: Asking, namespace: Segment, name: Segment, expected: Expected
    ) -> None:
        """Remove a rule: what it let in is refused from the next request on."""
        await self._rules.remove(caller.who, namespace, name, expected=expected, origin=caller.origin)

    async def test_federation(self, caller: Asking, trial: TokenTrial) -> TrialView:
        """Say what a token would come to, which rule it matches and why it does not match the others."""
        found = await self._rules.try_token(caller.who, trial.token, trial.user, origin=caller.origin)
        return TrialView(
            robot=found.robot,
            refusal=found.refusal or None,
            issuer=found.issuer,
            reads_only=found.reads_only,
            ends_at=found.ends_at or None,
            claims=dict(found.claims),
            rules=[
                TriedView(namespace=each.namespace, name=each.name, robot=each.robot, refusal=each.refusal or None)
                for each in found.rules
            ],
        )


def rule_view(rule: Rule) -> RuleView:
    """A rule as the API shows it."""
    return RuleView.model_validate(rule)


def _answered(rule: Rule, response: Response) -> RuleView:
    mark(response, rule.changed)
    return rule_view(rule)


def federation_routes(rules: Rules) -> Routes:
    """The routes of `/federation`."""
    on = FederationHandlers(rules)
    return routes(
        "/federation",
        "federation",
        Route("GET", "/rules", on.list_federation_rules),
        Route("POST", "/rules", on.add_federation_rule, 201),
        Route("GET", "/rules/{namespace}/{name}", on.show_federation_rule),
        Route("DELETE", "/rules/{namespace}/{name}", on.remove_federation_rule, 204),
        Route("POST", "/test", on.test_federation),
    )
