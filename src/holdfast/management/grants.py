"""`/grants`: who was given which role where, and who is denied what. A grant is made and removed, never changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from holdfast.access.grants.model import KeptGrant, NewGrant
from holdfast.access.grants.service import Grants
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment
from holdfast.management.shape import ConditionsShape, GrantView, grant_view


class KeptGrantView(GrantView):
    """A grant that stands. `used_at`: when a client last did what it allows, or was refused what it denies, to ten
    minutes; null: that was not seen, or the caller is not told. `notice`: what its maker should know of it, ''
    nothing."""

    made_at: Moment
    made_by: str
    used_at: Moment | None
    notice: str


class GivenGrant(Input):
    """A grant to be made: a `role`, or for a deny the actions in `deny`."""

    subject: str = Field(
        max_length=512, description="`user:NAME`, `group:NAME`, `robot:NAMESPACE+NAME` or `anonymous`."
    )
    scope: str = Field(max_length=512, description="`REPO-GLOB[:TAG-GLOB]`")
    role: str | None = Field(None, max_length=128)
    deny: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=64)
    conditions: ConditionsShape | None = None
    expires_at: GivenMoment | None = None
    note: str = Field("", max_length=512)


class GrantHandlers:
    """The operations on grants."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def list_grants(
        self,
        caller: Asking,
        paging: Paged,
        subject: Annotated[str | None, Query(max_length=512, description="Only those to this subject.")] = None,
        path: Annotated[
            str | None, Query(max_length=255, description="Only those that can match something at or below this path.")
        ] = None,
    ) -> Page[KeptGrantView]:
        """List the grants that the caller may see: the caller's own, and those on paths where it manages access or
        reads the audit."""
        found = await self._grants.page(
            caller.who,
            subject=subject,
            path=path,
            after=paging.after_number(),
            limit=paging.fetch,
            origin=caller.origin,
        )
        return paging.page(found, kept_view, lambda kept: kept.id)

    async def add_grant(self, caller: Asking, given: GivenGrant) -> KeptGrantView:
        """Make a grant or a deny: for who manages access on all of its scope, and for a grant holds there what it
        gives."""
        conditions = given.conditions.model_dump(exclude_unset=True) if given.conditions is not None else None
        new = NewGrant(
            given.subject,
            given.scope,
            given.role,
            tuple(given.deny),
            conditions,
            given.expires_at or 0,
            given.note,
        )
        return kept_view(await self._grants.add(caller.who, new, origin=caller.origin))

    async def show_grant(self, caller: Asking, id: Id) -> KeptGrantView:
        """Show one grant."""
        return kept_view(await self._grants.get(caller.who, id, origin=caller.origin))

    async def remove_grant(self, caller: Asking, id: Id) -> None:
        """Take a grant or a deny back; it holds at the next request of every node."""
        await self._grants.remove(caller.who, id, origin=caller.origin)


def kept_view(kept: KeptGrant) -> KeptGrantView:
    """A grant that stands as the API shows it."""
    return KeptGrantView(
        **dict(grant_view(kept.grant)),
        made_at=kept.made_at,
        made_by=kept.made_by,
        used_at=kept.used_at,
        notice=kept.notice,
    )


def grant_routes(grants: Grants) -> Routes:
    """The routes of `/grants`."""
    on = GrantHandlers(grants)
    return routes(
        "/grants",
        "grants",
        Route("GET", "", on.list_grants),
        Route("POST", "", on.add_grant, 201),
        Route("GET", "/{id}", on.show_grant),
        Route("DELETE", "/{id}", on.remove_grant, 204),
    )
