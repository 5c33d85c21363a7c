"""`/policy`: who may do what, all of it as one document: read, compared, tried on past use, applied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from holdfast.access.drafts.difference import Change
from holdfast.access.drafts.model import read_draft, write_draft
from holdfast.access.drafts.service import Drafts
from holdfast.access.drafts.trial import Changed, Trial
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output

_PATH = Query(max_length=255, description="Only what lives at or below this path; '' is everything.")


class PolicyDocument(Input):
    """A policy: the sections `roles`, `groups`, `grants`, `visibility`, and the `path` that it speaks of. A section
    that is there says all that there is of its kind; of one that is left out nothing is said."""

    path: str = ""
    roles: list[dict[str, Any]] = Field(default_factory=list)
    groups: list[dict[str, Any]] = Field(default_factory=list)
    grants: list[dict[str, Any]] = Field(default_factory=list)
    visibility: dict[str, str] = Field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """Only the sections that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ChangeView(Output):
    """One change. `said`: for people."""

    kind: Literal["role", "group", "member", "grant", "visibility"]
    how: Literal["add", "change", "remove"]
    said: str


class DifferenceView(Output):
    """What applying a policy changes, or changed, in this order."""

    changes: list[ChangeView]


class TrialInput(Input):
    """A policy to try on the use of the last `days`; `after`: the `next` of the part before, '' at the beginning."""

    policy: PolicyDocument
    days: int = Field(ge=1, le=3650)
    after: str = Field(default="", pattern=r"^([0-9a-f]{32})?$")


class ChangedView(Output):
    """Use that would be decided otherwise, and by what."""

    subject: str
    credential: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    count: int
    first_at: Moment
    last_at: Moment
    because: str


class PolicyTrialView(Output):
    """What a part of past use gave. `uses`: how many were looked at; `drifted`: how many of these are decided otherwise
    by now than they were then; `not_covered`: how many cannot be known, by why; `next`: null at the end."""

    changes: list[ChangedView]
    uses: int
    drifted: int
    not_covered: dict[str, int]
    next: str | None


class PolicyHandlers:
    """The operations on the policy as a whole."""

    def __init__(self, drafts: Drafts, trial: Trial) -> None:
        self._drafts = drafts
        self._trial = trial

    async def export_policy(
        self, caller: Asking, response: Response, path: Annotated[str, _PATH] = ""
    ) -> dict[str, Any]:
        """The policy that stands. For who manages access or reads the audit on all of the path."""
        draft, version = await self._drafts.export(caller.who, path, origin=caller.origin)
        mark(response, version)
        return write_draft(draft)

    async def compare_policy(self, caller: Asking, policy: PolicyDocument, response: Response) -> DifferenceView:
        """What applying a policy would change; the ETag is that of the policy it was compared with."""
        changes, version = await self._drafts.compare(caller.who, read_draft(policy.given), origin=caller.origin)
        mark(response, version)
        return _difference(changes)

    async def apply_policy(self, caller: Asking, policy: PolicyDocument, expected: Expected) -> DifferenceView:
        """Make the policy like this one, all of it or nothing. For who manages access on the whole of its path."""
        draft = read_draft(policy.given)
        return _difference(await self._drafts.apply(caller.who, draft, expected=expected, origin=caller.origin))

    async def test_policy(self, caller: Asking, trial: TrialInput) -> PolicyTrialView:
        """Try a policy on past use, a part at a time: what would be refused from now on, and what allowed."""
        draft = read_draft(trial.policy.given)
        after = bytes.fromhex(trial.after)
        part = await self._trial.part(caller.who, draft, trial.days, after=after, origin=caller.origin)
        return PolicyTrialView(
            changes=list(map(_changed_view, part.changed)),
            uses=part.uses,
            drifted=part.drifted,
            not_covered=part.unknown,
            next=part.next.hex() if part.next is not None else None,
        )


def _difference(changes: list[Change]) -> DifferenceView:
    return DifferenceView(changes=[ChangeView(kind=c.kind, how=c.how, said=c.said) for c in changes])  # type: ignore[arg-type]


def _changed_view(changed: Changed) -> ChangedView:
    values = changed._asdict()
    values["count"] = values.pop("times")
    return ChangedView(**values)


def policy_routes(drafts: Drafts, trial: Trial) -> Routes:
    """The routes of `/policy`."""
    on = PolicyHandlers(drafts, trial)
    return routes(
        "/policy",
        "policy",
        Route("GET", "", on.export_policy),
        Route("PUT", "", on.apply_policy),
        Route("POST", "/difference", on.compare_policy),
        Route("POST", "/test", on.test_policy),
    )
