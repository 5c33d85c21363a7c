"""`/exports`: lists as files: a job writes one down, and who asked for it fetches it."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Response
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.policy.globs import TagGlob
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment, Output
from holdfast.management.changes import RepositoryFilterShape, TagFilterShape
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import RepositorySort, TagSort
from holdfast.registry.exporting.model import Export, Listed, Wanted
from holdfast.registry.exporting.service import Exports
from holdfast.registry.history.model import Filter, What

_SORTS = {
    Listed.TAGS: tuple(TagSort),
    Listed.REPOSITORIES: tuple(RepositorySort),
    Listed.STORAGE: ("name", "size"),
}


class HistoryFilterShape(Input):
    """Which changes of tags: of tags of a glob, of one kind, by somebody, in a span; `below`: also in what is below."""

    tags: str = Field(default="", max_length=128)
    action: Literal["created", "moved", "deleted"] | None = None
    actor: str = Field(default="", max_length=400, description="`user:alice`")
    since: GivenMoment | None = None
    until: GivenMoment | None = None
    below: bool = False

    def history_filter(self) -> Filter:
        """As the services take it. Raises `GlobInvalid`."""
        if self.tags:
            TagGlob.parse(self.tags)
        what = What(self.action) if self.action is not None else None
        found = Filter(self.tags or None, self.actor or None, what, self.since or 0)
        return found if self.until is None else found._replace(until=self.until)


class GivenExport(Input):
    """Which list: of a repository (`tags`), of a path (`""`: everything) or of all. Only the filter of the list may be
    given. `sort`: as the pages sort it, `-` before it: the largest or newest first."""

    list: Literal["tags", "repositories", "storage", "users", "history"]
    path: str = Field(default="", max_length=255)
    tags: TagFilterShape | None = None
    repositories: RepositoryFilterShape | None = None
    history: HistoryFilterShape | None = None
    contains: str = Field(default="", max_length=128, description="Of users: somewhere in what is said of them.")
    sort: str = Field(default="", max_length=32)


class ExportView(Output):
    """A file. `rows`, `bytes`: null while it is being written; `whole`: false when the list is longer than a file may
    be; `refused`: why it holds nothing, `""`: it does; `until`: when it goes."""

    id: int
    list: Literal["tags", "repositories", "storage", "users", "history"]
    path: str
    rows: int | None
    bytes: int | None
    whole: bool
    refused: str
    job: int
    made_at: Moment
    until: Moment


class ExportHandlers:
    """The operations on lists as files."""

    def __init__(self, access: Access, exports: Exports) -> None:
        self._access = access
        self._exports = exports

    async def export_list(self, caller: Asking, given: GivenExport) -> ExportView:
        """Let a list be written as a file, by a job with your rights: what you could read page by page.

        At most 100,000 rows or 16 MiB; only you see it, for a day; your newest five are kept.
        """
        if given.path:
            RepositoryName.parse(given.path)
        permit = self._access.path(caller.who, given.path, caller.origin)
        id = await self._exports.ask(permit, _wanted(given))
        return _view(await self._exports.show(permit, id))

    async def show_export(self, caller: Asking, id: Id) -> ExportView:
        """Show how far a file is."""
        return _view(await self._exports.show(self._access.path(caller.who, "", caller.origin), id))

    async def read_export(self, caller: Asking, id: Id) -> Response:
        """The file: comma-separated values, the names of the columns first; no spreadsheet takes them for formulas."""
        text = await self._exports.text(self._access.path(caller.who, "", caller.origin), id)
        return Response(text.encode(), media_type="text/csv")


def _wanted(given: GivenExport) -> Wanted:
    listed = Listed(given.list)
    of = {Listed.TAGS: given.tags, Listed.REPOSITORIES: given.repositories, Listed.HISTORY: given.history}
    for other, shape in of.items():
        if shape is not None and other is not listed:
            raise Invalid(str(other), f"this list is of {listed}")
    if given.contains and listed is not Listed.USERS:
        raise Invalid("contains", "it is of users")
    if given.sort and given.sort.removeprefix("-") not in _SORTS.get(listed, ()):
        raise Invalid("sort", f"one of {', '.join(_SORTS.get(listed, ())) or 'none'}")
    query: dict[str, Any] = {}
    sort = given.sort or ("name" if listed in _SORTS else "")
    match listed:
        case Listed.TAGS:
            query = (given.tags or TagFilterShape()).tag_filter()._asdict()
        case Listed.REPOSITORIES:
            query = (given.repositories or RepositoryFilterShape()).repository_filter()._asdict()
        case Listed.HISTORY:
            shape = given.history or HistoryFilterShape()
            query = {**shape.history_filter()._asdict(), "below": shape.below}
        case Listed.USERS:
            query = {"text": given.contains.lower(), "state": ""}
        case Listed.STORAGE:
            pass
    return Wanted(listed, given.path, query, sort)


def _view(file: Export) -> ExportView:
    written = file.rows is not None
    return ExportView(
        id=file.id,
        list=file.listed.value,
        path=file.path,
        rows=file.rows,
        bytes=file.size if written else None,
        whole=file.whole,
        refused=file.why,
        job=file.job,
        made_at=file.made_at,
        until=file.until,
    )


def export_routes(access: Access, exports: Exports) -> Routes:
    """The routes of `/exports`."""
    on = ExportHandlers(access, exports)
    return routes(
        "/exports",
        "exports",
        Route("POST", "", on.export_list, 202),
        Route("GET", "/{id}", on.show_export),
        Route("GET", "/{id}/file", on.read_export, media="text/csv"),
    )
