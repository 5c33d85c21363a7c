"""`/unusual/canaries`: repositories and keys that nobody has reason to touch."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.registry.namespaces.sight import checked
from holdfast.unusual import store
from holdfast.unusual.seeing import audits, keeps, number, require_part, views
from holdfast.unusual.service import Canaries
from holdfast.web.frame import Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_CANARIES = 200


class CanaryPages:
    """The pages of canaries."""

    def __init__(self, frame: Frame, canaries: Canaries) -> None:
        self._frame = frame
        self._canaries = canaries

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/unusual/canaries", self.canaries),
            Route("POST", "/unusual/canaries", self.add_canary),
            Route("POST", "/unusual/canaries/{canary}/remove", self.remove_canary),
        ]

    async def canaries(self, visit: Visit) -> Answer:
        """Canaries, and making one."""
        return await self._show_canaries(visit)

    async def _show_canaries(
        self, visit: Visit, status: int = 200, said: str = "", tried: Mapping[str, str] | None = None
    ) -> Answer:
        permit = self._frame.signed_in(visit).at("")
        if not keeps(permit):
            require_part(permit)
        found = await self._canaries.page(permit, 0, _CANARIES)
        tried = tried or {}
        return self._frame.page(
            visit,
            "unusual-canaries.html",
            status=status,
            rows=[(each, _may_remove(permit, each)) for each in found],
            views=views("canaries") if audits(permit) else (),
            said=said,
            tried={name: tried.get(name, "") for name in ("repository", "owner", "key")},
        )

    async def add_canary(self, visit: Visit) -> Answer:
        """Make a repository or a robot's key a canary."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        repository, owner, key = (fields.get(name, "").strip() for name in ("repository", "owner", "key"))
        try:
            if repository and not owner and not key:
                made = await self._canaries.add_repository(caller.at(checked(repository, "repository")))
            elif not repository and owner and key:
                robot = owner if ":" in owner else f"robot:{owner}"
                made = await self._canaries.add_key(caller.at(""), robot, key)
            else:
                raise Invalid("repository", "name a repository; or a robot and its key")
        except (Invalid, Conflict, Unknown) as error:
            said = visit.told(error, at="owner" if owner else "repository")
            return await self._show_canaries(visit, 400, said, fields)
        return self._frame.done(visit, "/unusual/canaries", f"{made.label} is a canary")

    async def remove_canary(self, visit: Visit) -> Answer:
        """Let a canary be ordinary again."""
        await self._frame.changes(visit)
        permit = self._frame.signed_in(visit).at("")
        await self._canaries.remove(permit, number(visit.named["canary"]))
        return self._frame.done(visit, "/unusual/canaries", "The canary is ordinary again")


def _may_remove(permit: PathPermit, row: store.CanaryRow) -> bool:
    return not permit.lacks(Action.MANAGE_ACCESS if row.key_id else Action.SETTINGS, row.path)
