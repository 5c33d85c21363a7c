"""Where a webhook stands in the console: at a repository, a namespace, or the installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.registry.namespaces.sight import checked, require_sight
from holdfast.web.frame import Crumb, Frame, Shown
from holdfast.web.visit import Visit
from holdfast.webhooks.service import Webhooks

TAB = "webhooks"


class Here(NamedTuple):
    """A path as pages name it. `scope`: 'r' a repository, 'n' a namespace, '' the installation; `href`: the page of its
    webhooks; `trail`: the way there; `tabs`: those that stand above it."""

    scope: str
    path: str
    href: str
    trail: list[Crumb]
    tabs: Sequence[Shown]

    @property
    def named(self) -> str:
        """What people call it."""
        return self.path or "the installation"

    def crumbs(self, *more: Crumb) -> list[Crumb]:
        """The way to a page here; the last one is where one is."""
        found = [*self.trail, *(more[1:] if not self.scope else more)]
        return [*found[:-1], Crumb(found[-1].text)]


class Places:
    """Finds where pages stand."""

    def __init__(self, frame: Frame, db: Database, webhooks: Webhooks) -> None:
        self._frame = frame
        self._db = db
        self._webhooks = webhooks

    async def of(self, visit: Visit, path: str) -> Here:
        """Where a webhook of `path` stands."""
        scope = "" if not path else "r" if await self._webhooks.of_repository(path) else "n"
        return self.at(visit, scope, path)

    def at(self, visit: Visit, scope: str, path: str) -> Here:
        """The place of a path in one of the scopes."""
        if not scope:
            return Here("", path, "/webhooks", [Crumb("Webhooks", "/webhooks")], [])
        trail = self._frame.crumbs(scope, path, Crumb(""))[:-1]
        tabs = self._frame.tabs(visit, scope, path, TAB)
        return Here(scope, path, self._frame.at(scope, path, TAB), trail, tabs)

    async def require(self, permit: PathPermit, path: str) -> None:
        """Raise unless the caller may change the webhooks of a path: `Unknown` where it is out of his sight,
        `Denied`."""
        checked(path)
        if permit.lacks(Action.SETTINGS, path):
            await require_sight(self._db, permit, path)
            permit.require_all(Action.SETTINGS, path)


def number(text: str, below: int = 1 << 62) -> int:
    """The number that a path names. Raises `Unknown`."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not 0 < int(text) < below:
        raise Unknown("there is no webhook of this number in your sight")
    return int(text)
