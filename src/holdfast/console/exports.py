"""`/exports`: a list as a file: asked for by the button of the list, written by a job, fetched by who asked.

Promises: the file holds what the list holds by its filter; the page says how far it is, and until when it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.policy.globs import GlobInvalid
from holdfast.console.history.pages import changes_wanted
from holdfast.console.repositories.asked import REPOSITORY_FILTERS, TAG_FILTERS, repository_filter, tag_filter
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import RepositorySort, TagSort
from holdfast.registry.exporting.model import MOST_BYTES, MOST_ROWS, Listed, Wanted
from holdfast.registry.exporting.service import Exports
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_CHANGES = ("tags", "action", "actor", "since", "until")
_SORTS: Mapping[Listed, tuple[str, ...]] = {
    Listed.TAGS: tuple(TagSort),
    Listed.REPOSITORIES: tuple(RepositorySort),
    Listed.STORAGE: ("name", "size"),
}
_DEFAULTS = {Listed.TAGS: "-pushed", Listed.REPOSITORIES: "-pushed", Listed.STORAGE: "-size"}


class ExportPages:
    """The pages of lists as files."""

    def __init__(self, frame: Frame, exports: Exports) -> None:
        self._frame = frame
        self._exports = exports

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("POST", "/exports", self.ask),
            Route("GET", "/exports/{id}", self.show),
            Route("GET", "/exports/{id}/file", self.file),
        ]

    async def ask(self, visit: Visit) -> Answer:
        """Let a list be written."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        if fields.get("list") not in set(Listed):
            raise Invalid("list", f"one of {', '.join(Listed)}")
        listed, path = Listed(fields["list"]), fields.get("path", "")
        if path:
            RepositoryName.parse(path)
        query = self._query(visit, listed, fields)
        sort = fields.get("sort", "")
        if sort.removeprefix("-") not in _SORTS.get(listed, ()):
            sort = _DEFAULTS.get(listed, "")
        id = await self._exports.ask(caller.at(path), Wanted(listed, path, query, sort))
        return redirect(f"/exports/{id}")

    async def show(self, visit: Visit) -> Answer:
        """How far a file is, and where it is fetched."""
        caller = self._frame.signed_in(visit)
        found = await self._exports.show(caller.at(""), visit.number("id"))
        title = f"{found.listed.capitalize()} as CSV"
        return self._frame.page(
            visit,
            "export.html",
            fragment="export",
            crumbs=[Crumb("Exports"), Crumb(title)],
            title=title,
            export=found,
            most_rows=MOST_ROWS,
            most_bytes=MOST_BYTES,
        )

    async def file(self, visit: Visit) -> Answer:
        """The file."""
        caller = self._frame.signed_in(visit)
        permit, id = caller.at(""), visit.number("id")
        found = await self._exports.show(permit, id)
        try:
            text = await self._exports.text(permit, id)
        except Conflict:
            return redirect(f"/exports/{id}")
        name = "-".join(filter(None, (str(found.listed), found.path.replace("/", "-"), str(id))))
        headers = (
            ("content-type", "text/csv; charset=utf-8"),
            ("content-disposition", f'attachment; filename="{name}.csv"'),
        )
        return Answer(200, text.encode(), headers)

    def _query(self, visit: Visit, listed: Listed, fields: Mapping[str, str]) -> dict[str, object]:
        """The filter of a list, as the list itself reads it. Raises `Invalid`."""
        now, zone = self._frame.now(), visit.look.zone
        match listed:
            case Listed.TAGS:
                return tag_filter({name: fields.get(name, "") for name in TAG_FILTERS}, now, zone)._asdict()
            case Listed.REPOSITORIES:
                given = {name: fields.get(name, "") for name in REPOSITORY_FILTERS}
                return repository_filter(given, now, zone)._asdict()
            case Listed.USERS:
                state = fields.get("state", "")
                if state not in ("", "enabled", "disabled"):
                    raise Invalid("state", "enabled or disabled")
                return {"text": fields.get("q", "").lower(), "state": state}
            case Listed.HISTORY:
                try:
                    wanted = changes_wanted({name: fields.get(name, "") for name in _CHANGES}, now, zone)
                except GlobInvalid as error:
                    raise Invalid("tags", str(error)) from error
                return {**wanted._asdict(), "below": fields.get("below") == "1"}
            case Listed.STORAGE:
                return {}
