"""`/-/settings/quotas`: how much may be at and below a path, for who operates the registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Action
from holdfast.console.settings.pages import settings_page
from holdfast.console.where import Where, both
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.quotas.managing import Quotas
from holdfast.registry.quotas.model import KINDS
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_ADMIN = "/admin/settings/quotas"
_KINDS = {kind.name: kind for kind in KINDS}


class QuotaPages:
    """The form of quotas."""

    def __init__(self, frame: Frame, settings: SettingsTree, quotas: Quotas) -> None:
        self._frame = frame
        self._settings = settings
        self._quotas = quotas

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "settings/quotas", self.edit),
            *both("POST", "settings/quotas", self.change),
            Route("GET", _ADMIN, self.edit),
            Route("POST", _ADMIN, self.change),
        ]

    async def edit(self, visit: Visit) -> Answer:
        """The quotas of a path's own."""
        where = self._where(visit)
        return await self._show(visit, await self._own(visit, where))

    async def change(self, visit: Visit) -> Answer:
        """Set those that are given, and remove those that are blank."""
        fields = await self._frame.changes(visit)
        where = self._where(visit)
        given = {name: fields.get(name, "").strip() for name in _KINDS}
        own = await self._own(visit, where)
        if fields.get("seen") != _seen(own):
            return await self._show(visit, given, status=409, stale=own)
        values, errors = {}, {}
        for name, text in given.items():
            try:
                if text:
                    values[name] = _KINDS[name].read(text)
            except Invalid as error:
                errors[name] = str(error)
        if errors:
            return await self._show(visit, given, status=400, errors=errors)
        permit = self._frame.caller(visit).at(where.path)
        gone = frozenset(name for name, text in given.items() if own[name] and not text)
        if gone:
            await self._quotas.unset(permit, gone)
        if values:
            await self._quotas.set(permit, values)
        return self._frame.done(visit, where.at("settings"), f"The quotas of {where.name} hold for the next push")

    def _where(self, visit: Visit) -> Where:
        """Raises `Denied`."""
        where = Where.of(visit)
        permit = self._frame.caller(visit).at(where.path)
        permit.require(Action.OPERATE, "**")
        return where

    async def _own(self, visit: Visit, where: Where) -> dict[str, str]:
        """What the path itself says, as people write it; '' nothing."""
        held = await self._settings.list(self._frame.caller(visit).at(where.path))
        said = {each.kind.name: each.origins[0] for each in held}
        return {name: said[name].value if said[name].path == where.path else "" for name in _KINDS}

    async def _show(
        self,
        visit: Visit,
        values: Mapping[str, str],
        *,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        stale: Mapping[str, str] | None = None,
    ) -> Answer:
        where = Where.of(visit)
        own = stale if stale is not None else await self._own(visit, where)
        return settings_page(
            self._frame,
            visit,
            where,
            "quotas.html",
            Crumb("Settings", where.at("settings")),
            Crumb("Quotas"),
            status=status,
            fragment="dialog",
            values=values,
            errors=defaultdict(str, errors or {}),
            stale=stale,
            seen=_seen(own),
            quota=await self._quotas.show(self._frame.caller(visit).at(where.path)),
        )


def _seen(own: Mapping[str, str]) -> str:
    return "/".join(own[name] for name in _KINDS)
