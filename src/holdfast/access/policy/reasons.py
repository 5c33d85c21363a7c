"""Why a request is refused, said to whom it is refused: only the rules that name the subject or its groups, the name
that was asked for, and the right that is missing. Whether the name exists is never looked at."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.errors import Denied
from holdfast.access.policy.model import Action, Effect, Grant

STRANGER = "this needs a right that nobody gave you: ask who manages access there"


def refusal(grants: Sequence[Grant], action: Action, repository: str, tag: str | None) -> Denied:
    """The refusal of `action`; `grants`: those of the subject that speak of the action in this repository."""
    place = repository if tag is None else f"{repository}:{tag}"
    detail: dict[str, object] = {"action": str(action), "repository": repository}
    if tag is not None:
        detail["tag"] = tag
    own = [grant for grant in grants if grant.grantee.id]
    if not own:
        return Denied(f"'{action}' on {place} is refused: {STRANGER}", **detail)
    detail["rules"] = [_said(grant) for grant in own[:20]]
    denies = [grant for grant in own if grant.effect is Effect.DENY]
    why = f"denied by {_said(denies[0])}" if denies else "no rule of yours allows it here"
    return Denied(f"'{action}' on {place} is refused: {why}", **detail)


def _said(grant: Grant) -> str:
    what = "deny " + ",".join(sorted(grant.actions)) if grant.effect is Effect.DENY else str(grant.role)
    return f"grant {grant.id} ({grant.grantee.name}: {what} on {grant.scope})"
