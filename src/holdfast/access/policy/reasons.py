"""Why a request is refused, said to whom it is refused: only the rules that name the subject or its groups, the name
that was asked for, and the right that is missing. Whether the name exists is never looked at."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.errors import Denied
from holdfast.access.policy.conditions import fails
from holdfast.access.policy.globs import TagGlob
from holdfast.access.policy.model import TAG_ACTIONS, Action, Circumstances, Effect, Grant

STRANGER = "this needs a right that nobody gave you: ask who manages access there"
NOT_LOGGED_IN = "this is not open to everyone: log in"
OUT_OF_BOUNDS = "the key that you use is limited, or your token is a pull request's: this is left out"
_SAID = 20


def refusal(
    grants: Sequence[Grant],
    action: Action,
    repository: str,
    tag: str | None,
    circumstances: Circumstances,
    *,
    bounded: bool = False,
    known: bool = True,
) -> Denied:
    """The refusal of `action`; `grants`: those of the subject that speak of the action in this repository. `bounded`:
    whether the limits of the key that is used leave it out; `known`: whether the subject is anybody at all."""
    place = repository if tag is None else f"{repository}:{tag}"
    detail: dict[str, object] = {"action": str(action), "repository": repository}
    if tag is not None:
        detail["tag"] = tag
    own = [grant for grant in grants if grant.grantee.id]
    if own:
        detail["rules"] = [said(grant) for grant in own[:_SAID]]
    why = _why(grants, action, tag, circumstances, bounded=bounded) if own or bounded else STRANGER
    if why == STRANGER and not known:
        why = NOT_LOGGED_IN
    return Denied(f"'{action}' on {place} is refused: {why}", **detail)


def said(grant: Grant) -> str:
    """A grant as people are told of it."""
    what = "deny " + ",".join(sorted(grant.actions)) if grant.effect is Effect.DENY else str(grant.role)
    return f"grant {grant.id} ({grant.grantee.name}: {what} on {grant.scope})"


def _why(
    grants: Sequence[Grant], action: Action, tag: str | None, circumstances: Circumstances, *, bounded: bool
) -> str:
    denies = [
        grant
        for grant in grants
        if grant.effect is Effect.DENY and _about(grant, action, tag) and fails(grant, circumstances) is None
    ]
    # Of no certain tag: a deny at some tags is no reason where nothing is allowed anyway.
    for grant in denies if tag is not None else (each for each in denies if each.tag is None):
        return _denied(grant)
    if bounded:
        return OUT_OF_BOUNDS
    allows = [grant for grant in grants if grant.effect is Effect.ALLOW and grant.grantee.id]
    for grant in allows:
        failed = fails(grant, circumstances) if _about(grant, action, tag) else None
        if failed is not None:
            return f"{failed}, as {said(grant)} asks"
    if not allows:
        return STRANGER
    if tag is None and action in TAG_ACTIONS:
        return _denied(denies[0]) if denies else "no rule of yours allows it here"
    return f"{said(allows[0])} does not reach {'this tag' if tag is not None else 'the repository itself'}"


def _denied(grant: Grant) -> str:
    return f"denied by {said(grant)}" if grant.grantee.id else "denied by a rule for everyone"


def _about(grant: Grant, action: Action, tag: str | None) -> bool:
    """Whether the grant speaks of `action` at `tag` (None: anywhere in the repository)."""
    if grant.tag is None:
        return True
    return action in TAG_ACTIONS and (tag is None or TagGlob.parse(grant.tag).matches(tag))
