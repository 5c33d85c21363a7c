"""`/robots`: the machines of namespaces."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from holdfast.access.accounts.model import Robot
from holdfast.access.accounts.robots import Robots
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Input, Moment, Output, Segment


class RobotView(Output):
    """A robot, called `NAMESPACE+NAME`."""

    subject: str
    name: str
    namespace: str
    description: str | None
    disabled: bool
    disabled_at: Moment | None
    expires_at: Moment | None
    made_at: Moment
    made_by: str | None


class NewRobot(Input):
    """A robot to be made; the namespace need not exist."""

    namespace: str = Field(max_length=255)
    name: str = Field(max_length=256, description="Without the namespace.")
    description: str | None = None
    expires_at: GivenMoment | None = None


class RobotChange(Input):
    """What is to be changed; what is not named stays. `expires_at` null: never."""

    description: str | None = None
    expires_at: GivenMoment | None = None


class RobotHandlers:
    """The operations on robots."""

    def __init__(self, robots: Robots) -> None:
        self._robots = robots

    async def list_robots(
        self,
        caller: Asking,
        paging: Paged,
        namespace: Annotated[str | None, Query(max_length=255, description="Only this namespace's own.")] = None,
    ) -> Page[RobotView]:
        """List robots by name: those of the namespaces that the caller manages, and the caller itself."""
        found = await self._robots.page(
            caller.who, namespace=namespace, after=paging.after_text(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, robot_view, lambda robot: robot.name)

    async def create_robot(self, caller: Asking, new: NewRobot, response: Response) -> RobotView:
        """Make a robot, without any right. For who manages access on the whole namespace."""
        made = await self._robots.create(
            caller.who,
            new.namespace,
            new.name,
            description=new.description,
            expires_at=new.expires_at,
            origin=caller.origin,
        )
        return _answered(made, response)

    async def show_robot(self, caller: Asking, name: Segment, response: Response) -> RobotView:
        """Show one robot, by its whole name."""
        return _answered(await self._robots.get(caller.who, name, origin=caller.origin), response)

    async def change_robot(
        self, caller: Asking, name: Segment, change: RobotChange, expected: Expected, response: Response
    ) -> RobotView:
        """Change what a robot is for, or when it ends."""
        before = await self._robots.get(caller.who, name, origin=caller.origin)
        given = change.model_fields_set
        robot = await self._robots.change(
            caller.who,
            name,
            description=change.description if "description" in given else before.description,
            expires_at=change.expires_at if "expires_at" in given else before.expires_at,
            expected=before.changed if expected is None else expected,
            origin=caller.origin,
        )
        return _answered(robot, response)

    async def delete_robot(self, caller: Asking, name: Segment) -> None:
        """Delete a robot with its keys and the grants that name it; the name stays reserved for ever."""
        await self._robots.delete(caller.who, name, origin=caller.origin)

    async def disable_robot(self, caller: Asking, name: Segment, response: Response) -> RobotView:
        """Refuse a robot from the next request on, by whatever credential."""
        return _answered(await self._robots.disable(caller.who, name, origin=caller.origin), response)

    async def enable_robot(self, caller: Asking, name: Segment, response: Response) -> RobotView:
        """Let a disabled robot in again, with the rights and keys of before."""
        return _answered(await self._robots.enable(caller.who, name, origin=caller.origin), response)


def robot_view(robot: Robot) -> RobotView:
    """A robot as the API shows it."""
    return RobotView(
        subject=f"robot:{robot.name}",
        name=robot.name,
        namespace=robot.namespace,
        description=robot.description,
        disabled=robot.disabled_at is not None,
        disabled_at=robot.disabled_at,
        expires_at=robot.expires_at,
        made_at=robot.made_at,
        made_by=robot.made_by,
    )


def _answered(robot: Robot, response: Response) -> RobotView:
    mark(response, robot.changed)
    return robot_view(robot)


def robot_routes(robots: Robots) -> Routes:
    """The routes of `/robots`."""
    on = RobotHandlers(robots)
    return routes(
        "/robots",
        "robots",
        Route("GET", "", on.list_robots),
        Route("POST", "", on.create_robot, 201),
        Route("GET", "/{name}", on.show_robot),
        Route("PATCH", "/{name}", on.change_robot),
        Route("DELETE", "/{name}", on.delete_robot, 204),
        Route("POST", "/{name}/disable", on.disable_robot),
        Route("POST", "/{name}/enable", on.enable_robot),
    )
