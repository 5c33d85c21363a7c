"""Another tag for an artifact, and other annotations: as a page each, which is the dialog as well.

Promises: nothing moves away from under a tag unasked: a tag that is there is named with what it points to before it
moves; annotations make a new manifest beside the old one, and the page says so.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid
from holdfast.console.artifact.about import Place, both
from holdfast.console.artifact.doing import annotating
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.oci.errors import NameInvalid, TagInvalid
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.details.looking import Looked, Looking, Wish
from holdfast.registry.editing.service import Annotate, Editing
from holdfast.registry.errors import RegistryError
from holdfast.registry.promotion.model import Effect, TagChange, Wanted
from holdfast.registry.promotion.service import Promotion
from holdfast.web.formats import short_digest
from holdfast.web.forms import Fields
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_REFUSED = (RegistryError, Invalid, OciInvalid, Conflict)
_AT: dict[type[Exception], str] = {NameInvalid: "repository", TagInvalid: "tag"}
"""The field of the form that is about what cannot be read."""


class Services(NamedTuple):
    """What these pages stand on."""

    looking: Looking
    promotion: Promotion
    editing: Editing


class ChangePages:
    """Retag and annotate."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "retag", self.ask_retag),
            *both("POST", "retag", self.retag),
            *both("GET", "annotate", self.ask_annotate),
            *both("POST", "annotate", self.annotate),
        ]

    async def ask_retag(self, visit: Visit) -> Answer:
        """Which tag, and in which repository."""
        return await self._retag_form(visit, Place.of(visit), {})

    async def retag(self, visit: Visit) -> Answer:
        """Make the tag; where it would move from elsewhere, say from where and ask first."""
        fields = await self._frame.changes(visit)
        place = Place.of(visit)
        permit = self._frame.signed_in(visit).at("")
        try:
            target = RepositoryName.parse(fields.get("repository", "").strip() or place.repository)
            tag = Tag.parse(fields.get("tag", "").strip())
            wanted = Wanted(place.repository, place.reference, target, tag)
            confirmed = fields.get("moves", "") == str(tag) and fields.get("into", "") == str(target)
            if not confirmed:
                asked = await self._services.promotion.promote(permit, wanted, dry_run=True)
                change = next(each for each in asked.tags if each.name == tag)
                if change.effect is Effect.MOVE:
                    return await self._retag_form(visit, place, fields, change=change)
            await self._services.promotion.promote(permit, wanted)
        except _REFUSED as error:
            return await self._retag_form(visit, place, fields, said=visit.told(error, at=_AT.get(type(error), "")))
        made = Place(target, tag)
        return self._frame.done(
            visit, made.at(), f"{made.reference_text} is {place.title} now", undo=_undo(made, confirmed)
        )

    async def ask_annotate(self, visit: Visit) -> Answer:
        """Which annotations."""
        place = Place.of(visit)
        caller = self._frame.signed_in(visit)
        rights = annotating(caller.at(place.repository), place)
        if caller.at("").shows(place.repository) and (rights.nothing or (place.tag and not rights.allows(place.tag))):
            raise rights.refuse(place.tag or None)
        return await self._annotate_form(visit, place, {})

    async def annotate(self, visit: Visit) -> Answer:
        """Make the same artifact with other annotations."""
        fields = await self._frame.changes(visit)
        place = Place.of(visit)
        permit = self._frame.signed_in(visit).at(place.repository)
        name, text = fields.get("name", "").strip(), fields.get("text", "")
        try:
            if not name and not fields.many("pick"):
                raise Invalid("name", "name an annotation to set, or choose some to remove")
            tag = fields.get("tag", "").strip()
            wanted = Annotate(
                place.repository,
                place.reference,
                {name: text} if name else {},
                fields.many("pick"),
                Tag.parse(tag) if tag else None,
            )
            made = await self._services.editing.annotate(permit, wanted)
        except _REFUSED as error:
            return await self._annotate_form(visit, place, fields, said=visit.told(error, at=_AT.get(type(error), "")))
        there = place.beside(made.tag if made.tag is not None else made.digest)
        said = f"{there.title} is {short_digest(made.digest)} now; the old one stays as {short_digest(made.was or '')}"
        return self._frame.done(visit, there.at(view="config"), said)

    async def _retag_form(
        self,
        visit: Visit,
        place: Place,
        tried: dict[str, str] | Fields,
        *,
        said: str = "",
        change: TagChange | None = None,
    ) -> Answer:
        looked = await self._looked(visit, place)
        return self._frame.page(
            visit,
            "artifact-retag.html",
            fragment="dialog",
            status=400 if said else 200,
            crumbs=self._crumbs(place, "Retag"),
            place=place,
            looked=looked,
            said=said,
            change=change,
            tried={"repository": tried.get("repository", str(place.repository)), "tag": tried.get("tag", "")},
        )

    async def _annotate_form(
        self, visit: Visit, place: Place, tried: dict[str, str] | Fields, *, said: str = ""
    ) -> Answer:
        looked = await self._looked(visit, place)
        return self._frame.page(
            visit,
            "artifact-annotate.html",
            fragment="dialog",
            status=400 if said else 200,
            crumbs=self._crumbs(place, "Annotate"),
            place=place,
            looked=looked,
            annotations=sorted(looked.opened.manifest.annotations.items()),
            said=said,
            tried={name: tried.get(name, "") for name in ("name", "text", "tag")},
        )

    async def _looked(self, visit: Visit, place: Place) -> Looked:
        permit = self._frame.signed_in(visit).at(place.repository)
        return await self._services.looking.look(permit, place.named, None, Wish())

    def _crumbs(self, place: Place, here: str) -> list[Crumb]:
        tags = Crumb("Tags", f"{place.repository_path}/-/tags")
        return self._frame.crumbs("r", place.repository, tags, Crumb(place.title, place.at()), Crumb(here))


def _undo(made: Place, moved: bool) -> str:
    """Where a retag is taken back: a new tag is deleted, one that moved is moved back by its history."""
    return made.at(view="history") if moved else made.at("delete")
