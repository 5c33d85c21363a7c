"""`/-/settings/delete`: what deleting a repository or namespace takes, what stays, and then deleting it."""

from __future__ import annotations

from holdfast.access.errors import Conflict
from holdfast.access.policy.model import Action
from holdfast.console.settings.pages import settings_page
from holdfast.console.where import Where, both
from holdfast.registry.effective.kinds import duration_words, write_duration
from holdfast.registry.errors import Immutable
from holdfast.registry.namespaces.removal import Going, Removal
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit


class RemovalPages:
    """Deleting repositories and namespaces."""

    def __init__(self, frame: Frame, removal: Removal) -> None:
        self._frame = frame
        self._removal = removal

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [*both("GET", "settings/delete", self.look), *both("POST", "settings/delete", self.delete)]

    async def look(self, visit: Visit) -> Answer:
        """What would go."""
        return self._show(visit, await self._going(visit))

    async def delete(self, visit: Visit) -> Answer:
        """Delete it, as it was shown."""
        fields = await self._frame.changes(visit)
        where, going = Where.of(visit), await self._going(visit)
        force = bool(fields.get("force"))
        if fields.get("confirm", "").strip() != where.path:
            return self._show(visit, going, status=400, error=f"write {where.path} to confirm")
        if fields.get("seen") != _seen(going):
            return self._show(visit, going, status=409, stale=True)
        permit = self._frame.caller(visit).at(where.path)
        try:
            if where.whole:
                job = await self._removal.namespace(permit, force=force)
                return self._frame.done(
                    visit, f"/jobs/{job}", f"{where.path} is being deleted", undo=where.at("deleted")
                )
            await self._removal.repository(permit, force=force)
        except (Immutable, Conflict) as error:
            return self._show(visit, going, status=409, said=str(error))
        parent = where.path.rpartition("/")[0] or where.path
        return self._frame.done(visit, "/n", f"{where.path} was deleted", undo=Where("n", parent).at("deleted"))

    async def _going(self, visit: Visit) -> Going:
        where = Where.of(visit)
        return await self._removal.look(self._frame.caller(visit).at(where.path), whole=where.whole)

    def _show(
        self, visit: Visit, going: Going, *, status: int = 200, error: str = "", said: str = "", stale: bool = False
    ) -> Answer:
        where = Where.of(visit)
        permit = self._frame.caller(visit).at(where.path)
        return settings_page(
            self._frame,
            visit,
            where,
            "removal.html",
            Crumb("Settings", where.at("settings")),
            Crumb("Delete"),
            status=status,
            going=going,
            window=duration_words(write_duration(str(going.window))) if going.window else "",
            until=self._frame.now() + going.window,
            seen=_seen(going),
            error=error,
            said=said,
            stale=stale,
            forces=permit.system(Action.ADMINISTER),
        )


def _seen(going: Going) -> str:
    return f"{going.repositories}/{going.tags}/{going.bytes}"
