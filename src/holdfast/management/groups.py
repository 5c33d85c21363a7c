"""`/groups`: groups and their members."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from holdfast.access.grants.groups import Groups
from holdfast.access.grants.model import Group
from holdfast.api.caller import Asking
from holdfast.api.etag import mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment

_Member = Annotated[Segment, Path(description="`user:NAME` or `robot:NAMESPACE+NAME`; `/` in it is written `~1`.")]


class GroupView(Output):
    """A group. `provider`: the sign-in that says who is in it, null: a local one."""

    subject: str
    name: str
    provider: str | None
    description: str | None
    made_at: Moment
    made_by: str


class NewGroup(Input):
    """A group to be made."""

    name: str = Field(max_length=256)
    description: str | None = None


class MemberView(Output):
    """A member of a group."""

    subject: str
    name: str


class GroupHandlers:
    """The operations on groups."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def list_groups(self, caller: Asking, paging: Paged) -> Page[GroupView]:
        """List the groups that the caller may see, by name."""
        found = await self._groups.page(caller.who, after=paging.after_text(), limit=paging.fetch, origin=caller.origin)
        return paging.page(found, group_view, lambda group: group.name)

    async def create_group(self, caller: Asking, new: NewGroup, response: Response) -> GroupView:
        """Make a group without members and rights. For who manages access on anything."""
        made = await self._groups.create(caller.who, new.name, new.description, origin=caller.origin)
        mark(response, made.changed)
        return group_view(made)

    async def show_group(self, caller: Asking, name: Segment, response: Response) -> GroupView:
        """Show one group."""
        found = await self._groups.get(caller.who, name, origin=caller.origin)
        mark(response, found.changed)
        return group_view(found)

    async def delete_group(self, caller: Asking, name: Segment) -> None:
        """Delete a local group and the grants that name it; the name stays reserved."""
        await self._groups.delete(caller.who, name, origin=caller.origin)

    async def list_members(self, caller: Asking, name: Segment, paging: Paged) -> Page[MemberView]:
        """List the members of a group, by name; members who manage nothing there see themselves."""
        found = await self._groups.members(
            caller.who, name, after=paging.after_text(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(
            found, lambda member: MemberView(subject=member.actor, name=member.name), lambda member: member.name
        )

    async def add_member(self, caller: Asking, name: Segment, member: _Member) -> None:
        """Make somebody a member of a local group: for who could grant all that the group has."""
        await self._groups.add(caller.who, name, member, origin=caller.origin)

    async def remove_member(self, caller: Asking, name: Segment, member: _Member) -> None:
        """Take somebody out of a local group."""
        await self._groups.remove(caller.who, name, member, origin=caller.origin)


def group_view(group: Group) -> GroupView:
    """A group as the API shows it."""
    return GroupView(
        subject=f"group:{group.name}",
        name=group.name,
        provider=group.provider,
        description=group.description,
        made_at=group.made_at,
        made_by=group.made_by,
    )


def group_routes(groups: Groups) -> Routes:
    """The routes of `/groups`."""
    on = GroupHandlers(groups)
    return routes(
        "/groups",
        "groups",
        Route("GET", "", on.list_groups),
        Route("POST", "", on.create_group, 201),
        Route("GET", "/{name}", on.show_group),
        Route("DELETE", "/{name}", on.delete_group, 204),
        Route("GET", "/{name}/members", on.list_members),
        Route("PUT", "/{name}/members/{member}", on.add_member, 204),
        Route("DELETE", "/{name}/members/{member}", on.remove_member, 204),
    )
