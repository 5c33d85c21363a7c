"""The page of a tag or digest that was deleted: when, by whom, and its return."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Denied
from holdfast.access.policy.model import Action
from holdfast.console.artifact.about import Place, both
from holdfast.registry.errors import ManifestUnknown, RegistryError
from holdfast.registry.history.model import Change, Filter, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.registry.history.undelete.service import Undelete
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_EVENTS = 10


class Services(NamedTuple):
    """What these pages stand on."""

    undelete: Undelete
    history: History


class GonePages:
    """What was deleted, and bringing it back."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return both("POST", "restore", self.restore)

    async def show(self, visit: Visit, place: Place, unknown: ManifestUnknown, *, said: str = "") -> Answer:
        """What is known of something that is not there; raises `unknown` where nothing is, or may be told."""
        caller = self._frame.caller(visit)
        try:
            gone = await self._services.undelete.gone(caller.at(""), place.repository, place.reference)
        except (RegistryError, Denied):
            raise unknown from None
        if gone is None:
            raise unknown
        changes = await self._changes(caller, place) if place.tag else []
        restorable = gone.digest is not None and gone.until > self._frame.now()
        return self._frame.page(
            visit,
            "artifact-gone.html",
            status=409 if said else 404,
            crumbs=self._frame.crumbs(
                "r", place.repository, Crumb("Tags", f"{place.repository_path}/-/tags"), Crumb(place.title)
            ),
            place=place,
            gone=gone,
            ended=next((each for each in changes if each.what is What.DELETED), None),
            changes=changes,
            restorable=restorable,
            refused=self._refused(caller, place),
            said=said,
        )

    async def restore(self, visit: Visit) -> Answer:
        """Bring it back."""
        fields = await self._frame.changes(visit)
        place = Place.of(visit)
        permit = self._frame.signed_in(visit).at("")
        try:
            done = await self._services.undelete.restore(
                permit, place.repository, place.reference, with_tags=fields.get("tags") == "1"
            )
        except RegistryError as error:
            unknown = ManifestUnknown("there is no such image", reference=str(place.reference))
            return await self.show(visit, place, unknown, said=visit.told(error))
        with_them = f" with {', '.join(done.tags[:3])}" if not place.tag and done.tags else ""
        return self._frame.done(visit, place.at(), f"{place.title} is back{with_them}", undo=place.at("delete"))

    async def _changes(self, caller: Caller, place: Place) -> list[Change]:
        """The last changes of a tag."""
        target = Target(place.repository, place.tag)
        return (await self._services.history.changes(caller.at(""), target, Filter(), None, _EVENTS)).changes

    @staticmethod
    def _refused(caller: Caller, place: Place) -> str:
        """Why this caller cannot bring it back; '' he can."""
        rights = caller.at(place.repository).tags(Action.CREATE_TAG, place.repository)
        if place.tag and not rights.allows(place.tag):
            return str(rights.refuse(place.tag))
        return str(rights.refuse()) if rights.nothing else ""
