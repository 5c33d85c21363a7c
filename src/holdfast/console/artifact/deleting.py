"""Deleting an artifact: what goes, what stays, and until when it comes back. What the form would be
refused is refused before it is shown."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import DeletePermit
from holdfast.console.artifact.about import Place, both
from holdfast.oci.digest import Digest
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.details.looking import Looking, Wish
from holdfast.registry.errors import RegistryError
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit


class Services(NamedTuple):
    """What these pages stand on."""

    looking: Looking
    deletion: Deletion


class DeletePages:
    """Asking before a delete, and the delete."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [*both("GET", "delete", self.ask), *both("POST", "delete", self.delete)]

    async def ask(self, visit: Visit) -> Answer:
        """What a delete would do."""
        place = Place.of(visit)
        caller = self._frame.signed_in(visit)
        looked = await self._services.looking.look(caller.at(place.repository), place.named, None, Wish())
        blocked, window = "", 0
        try:
            window = await self._services.deletion.ask(self._permit(visit, place), place.reference)
        except RegistryError as error:
            blocked = str(error)
        return self._frame.page(
            visit,
            "artifact-delete.html",
            fragment="dialog",
            status=409 if blocked else 200,
            crumbs=self._frame.crumbs(
                "r",
                place.repository,
                Crumb("Tags", f"{place.repository_path}/-/tags"),
                Crumb(place.title, place.at()),
                Crumb("Delete"),
            ),
            place=place,
            looked=looked,
            others=[tag for tag in looked.tags if tag != place.tag],
            until=self._frame.now() + window if window else None,
            blocked=blocked,
        )

    async def delete(self, visit: Visit) -> Answer:
        """Delete, as asked."""
        await self._frame.changes(visit)
        place = Place.of(visit)
        permit = self._permit(visit, place)
        if isinstance(place.reference, Digest):
            await self._services.deletion.manifest(permit, place.reference)
        else:
            await self._services.deletion.tag(permit, place.reference)
        return self._frame.done(
            visit, f"{place.repository_path}/-/tags", f"{place.reference_text} is deleted", undo=place.at()
        )

    def _permit(self, visit: Visit, place: Place) -> DeletePermit:
        caller = self._frame.signed_in(visit)
        return caller.access.delete(caller.who, place.repository, caller.origin)
