"""`/me`: who the registry takes the caller for, by what, and what that comes to."""

from __future__ import annotations

from typing import Literal

from holdfast.access.model import UNCHECKED, SubjectKind
from holdfast.access.policy.model import Action
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output
from holdfast.management.shape import BoundView, GrantView, bound_views, grant_view


class Me(Output):
    """The caller. `grants`: every grant that names the caller, a group of the caller, or everyone; `bounds`: the limits
    of the key (null: none); `open`: the registry asks nobody who they are."""

    subject: str
    name: str
    kind: Literal["user", "robot", "anonymous"]
    credential: str
    until: Moment | None
    administrator: bool
    operator: bool
    open: bool
    bounds: list[BoundView] | None
    grants: list[GrantView]


class MeHandlers:
    """Answers from the identity that the frame recognised: no service is needed."""

    async def show_me(self, caller: Asking) -> Me:
        """Who am I, and by which grants."""
        who = caller.who
        kind: Literal["user", "robot", "anonymous"] = (
            "anonymous" if not who.subject.id else "robot" if who.subject.kind is SubjectKind.ROBOT else "user"
        )
        return Me(
            subject=who.subject.actor,
            name=who.subject.name,
            kind=kind,
            credential=who.credential.text,
            until=who.until or None,
            administrator=who.rights.system(Action.ADMINISTER),
            operator=who.rights.system(Action.OPERATE),
            open=who.version == UNCHECKED,
            bounds=bound_views(who.rights.bounds),
            grants=list(map(grant_view, who.rights.grants)),
        )


def me_routes() -> Routes:
    """The routes of `/me`."""
    return routes("/me", "me", Route("GET", "", MeHandlers().show_me))
