"""`/admin/health`: how the parts of the installation stand: state, value, limit, and the command that looks closer or
fixes it. For who operates the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.policy.model import Action
from holdfast.console.admin_tabs import admin_tabs
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit


class State(StrEnum):
    """How something stands. `UNKNOWN`: it is not there to be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Found(NamedTuple):
    """A part. `value`: what was seen; `limit`: what it should be; `command`: what looks closer, or fixes it; `advice`:
    what to do besides, '' nothing; `at`: when what was seen happened (microseconds), 0: now."""

    name: str
    state: State
    value: str
    limit: str
    command: str
    advice: str = ""
    at: int = 0


Look = Callable[[], Awaitable[list[Found]]]


class HealthPages:
    """The page of the installation's health."""

    def __init__(self, frame: Frame, look: Look) -> None:
        self._frame = frame
        self._look = look

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("GET", "/admin/health", self.show)]

    async def show(self, visit: Visit) -> Answer:
        """Health."""
        caller = self._frame.signed_in(visit)
        permit = caller.at("")
        if not permit.system(Action.OPERATE):
            raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)
        found = await self._look()
        wrong = [each for each in found if each.state in (State.FAILED, State.WARNING)]
        return self._frame.page(
            visit,
            "health.html",
            fragment="health",
            crumbs=[Crumb("Administration", "/admin"), Crumb("Health")],
            tabs=admin_tabs("health", administers=permit.system(Action.ADMINISTER)),
            found=found,
            wrong=len(wrong),
            failed=any(each.state is State.FAILED for each in wrong),
        )
