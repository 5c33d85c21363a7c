"""`/roles`: the built-in lists of actions, and custom ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response
from pydantic import Field

from holdfast.access.grants.model import Role
from holdfast.access.grants.roles import Roles
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment

_Actions = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)]


class RoleView(Output):
    """A role. `built_in`: every installation has it, and nobody changes it."""

    name: str
    actions: list[str]
    description: str | None
    built_in: bool
    made_at: Moment | None
    made_by: str


class NewRole(Input):
    """A role to be made."""

    name: str = Field(max_length=256)
    actions: _Actions
    description: str | None = None


class RoleChange(Input):
    """What is to be changed; what is not named stays."""

    actions: _Actions | None = None
    description: str | None = None


class RoleHandlers:
    """The operations on roles."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    async def list_roles(self, caller: Asking, paging: Paged) -> Page[RoleView]:
        """List the roles that the caller may see, by name, built-in ones among them."""
        found = await self._roles.page(caller.who, after=paging.after_text(), limit=paging.fetch, origin=caller.origin)
        return paging.page(found, role_view, lambda role: role.name)

    async def create_role(self, caller: Asking, new: NewRole, response: Response) -> RoleView:
        """Make a role. For who manages access on anything; it gives nobody anything by itself."""
        made = await self._roles.create(caller.who, new.name, new.actions, new.description, origin=caller.origin)
        return _answered(made, response)

    async def show_role(self, caller: Asking, name: Segment, response: Response) -> RoleView:
        """Show one role."""
        return _answered(await self._roles.get(caller.who, name, origin=caller.origin), response)

    async def change_role(
        self, caller: Asking, name: Segment, change: RoleChange, expected: Expected, response: Response
    ) -> RoleView:
        """Change a custom role, everywhere it is used: for who could grant the new one in each of those places."""
        before = await self._roles.get(caller.who, name, origin=caller.origin)
        given = change.model_fields_set
        role = await self._roles.change(
            caller.who,
            name,
            change.actions if change.actions is not None else sorted(before.actions),
            change.description if "description" in given else before.description,
            expected=before.changed if expected is None else expected,
            origin=caller.origin,
        )
        return _answered(role, response)

    async def delete_role(self, caller: Asking, name: Segment) -> None:
        """Delete a custom role that no grant names. For its maker and administrators."""
        await self._roles.delete(caller.who, name, origin=caller.origin)


def role_view(role: Role) -> RoleView:
    """A role as the API shows it."""
    return RoleView(
        name=role.name,
        actions=sorted(role.actions),
        description=role.description,
        built_in=role.built_in,
        made_at=role.made_at or None,
        made_by=role.made_by,
    )


def _answered(role: Role, response: Response) -> RoleView:
    mark(response, role.changed)
    return role_view(role)


def role_routes(roles: Roles) -> Routes:
    """The routes of `/roles`."""
    on = RoleHandlers(roles)
    return routes(
        "/roles",
        "roles",
        Route("GET", "", on.list_roles),
        Route("POST", "", on.create_role, 201),
        Route("GET", "/{name}", on.show_role),
        Route("PATCH", "/{name}", on.change_role),
        Route("DELETE", "/{name}", on.delete_role, 204),
    )
