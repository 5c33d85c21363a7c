"""`/n` and `/n/NAMESPACE`: namespaces and repositories, as a tree or flat; making one; changing several at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.grants.visibility import Visibility
from holdfast.access.policy.model import Action
from holdfast.console.commands import push
from holdfast.console.repositories.about import ERRORS, Done, cells_of, registry_of, suggested, why_not
from holdfast.console.repositories.asked import REPOSITORY_FILTERS, gone_to, place_of, repository_filter
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import MOST_ROWS, Branch, Found, RepositoryLine, RepositorySort
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.saying import Saying
from holdfast.web.formats import urlpath
from holdfast.web.forms import Fields
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import Column as Extra
from holdfast.web.visit import Answer, Visit

_HERE = ("/n", "/n/{namespace:name}")
_CHANGES = {"public": "Make public", "private": "Make private", "delete": "Delete"}
_DONE = {"public": "public", "private": "private", "delete": "deleted"}
_TYPE_IT = 100


class Services(NamedTuple):
    """What these pages stand on."""

    table: RepositoryTable
    repositories: Repositories
    removal: Removal
    visibility: Visibility


class ListPages:
    """The lists of repositories."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *(Route("GET", path, self.show) for path in _HERE),
            *(Route("POST", f"{path}/-/selected", self.selected) for path in _HERE),
            *(Route("GET", f"{path}/-/new", self.new) for path in _HERE),
            *(Route("POST", f"{path}/-/new", self.make) for path in _HERE),
        ]

    # -- looking ---------------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """What is in a namespace, or everywhere."""
        path = visit.named.get("namespace", "")
        caller = self._frame.caller(visit)
        permit = caller.at(path)
        query = visit.query
        flat = query.get("view") == "flat" or any(query.get(name) for name in (*REPOSITORY_FILTERS[:-1], "sort"))
        operates = permit.system(Action.OPERATE)
        sorts = tuple(each for each in RepositorySort if operates or each is not RepositorySort.FREES)
        listing = (
            Listing(visit.path, query, sorts, "-pushed", REPOSITORY_FILTERS)
            if flat
            else Listing(visit.path, query, ("name",), "name", REPOSITORY_FILTERS)
        )
        if (led := gone_to(visit, listing, path, tree=not flat)) is not None:
            return led
        errors: dict[str, str] = defaultdict(str)
        found: Found[RepositoryLine] = Found([], None, None)
        tree: Found[Branch] = Found([], None, None)
        if flat:
            try:
                wanted = repository_filter(listing.filters, self._frame.now(), visit.look.zone)
                found = await self._services.table.page(permit, wanted, place_of(listing))
            except Invalid as error:
                if error.field not in REPOSITORY_FILTERS:
                    raise
                errors[error.field] = str(error)
        else:
            try:
                tree = await self._services.table.tree(permit, place_of(listing))
            except Unknown:
                if path:
                    raise
        at = found if flat else tree
        listing.found(next=at.next, previous=at.previous)
        return self._frame.page(
            visit,
            "repositories.html",
            status=400 if errors else 200,
            fragment="rows",
            crumbs=self._frame.crumbs("n", path),
            tabs=self._frame.tabs(visit, "n", path, "repositories") if path else (),
            path=path,
            here_path=_at(path),
            flat=flat,
            listing=listing,
            lines=found.lines,
            branches=tree.lines,
            stopped=at.stopped,
            errors=errors,
            empty=not at.lines and not any(listing.filters[name] for name in REPOSITORY_FILTERS[:-1]) and listing.first,
            columns=_columns(self._frame.repository_columns, flat=flat, operates=operates),
            extra=self._frame.repository_columns,
            cells=await cells_of(
                self._frame.repository_columns,
                caller,
                "",
                [each.path for each in found.lines] or [each.path for each in tree.lines if each.line is not None],
            ),
            operates=operates,
            picks=bool(caller.who.subject.id),
            new_why=why_not(caller, Action.CREATE_REPOSITORY, f"{path}/new" if path else "new"),
            clients=push(registry_of(self._frame, visit), suggested(caller, path)),
            push_why=why_not(caller, Action.CREATE_TAG, suggested(caller, path)),
        )

    # -- making one ------------------------------------------------------------------------------------------------

    async def new(self, visit: Visit) -> Answer:
        """The form of a new repository."""
        path = visit.named.get("namespace", "")
        self._frame.signed_in(visit)
        return self._new(visit, path, {"name": f"{path}/" if path else "", "description": ""}, {})

    async def make(self, visit: Visit) -> Answer:
        """Make it."""
        path = visit.named.get("namespace", "")
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        given = {"name": fields.get("name", "").strip(), "description": fields.get("description", "")}
        try:
            saying = Saying(given["description"].strip() or None)
            made = await self._services.repositories.create(caller.at(given["name"]), saying)
        except (Invalid, Conflict) as error:
            field = error.field if isinstance(error, Invalid) and error.field in given else "name"
            return self._new(visit, path, given, {field: str(error)}, status=400 if isinstance(error, Invalid) else 409)
        return self._frame.done(visit, f"/r/{urlpath(made.name)}", f"{made.name} is there")

    def _new(self, visit: Visit, path: str, given: dict[str, str], errors: dict[str, str], status: int = 200) -> Answer:
        return self._frame.page(
            visit,
            "repository-new.html",
            status=status,
            fragment="dialog",
            crumbs=self._frame.crumbs("n", path, Crumb("New repository")),
            here_path=_at(path),
            given=given,
            errors=defaultdict(str, errors),
        )

    # -- several at once -------------------------------------------------------------------------------------------

    async def selected(self, visit: Visit) -> Answer:
        """Ask before several repositories are changed; then change them, each for itself."""
        path = visit.named.get("namespace", "")
        fields = await self._frame.changes(visit)
        change, picked = fields.get("do", ""), _picked(fields)
        if change not in _CHANGES:
            raise Invalid("do", f"one of {', '.join(_CHANGES)}")
        if not picked:
            return self._frame.done(visit, _at(path), "Nothing was selected")
        if fields.get("sure") != "1" or (self._must_type(change, picked) and fields.get("typed") != _typed(picked)):
            return await self._ask(visit, path, change, picked, wrong="sure" in fields)
        done = [await self._change(visit, change, name) for name in picked]
        failed = [each for each in done if each.error]
        if failed:
            return self._page(visit, "selected.html", path, change, status=409, done=done, failed=failed)
        text = f"{len(done)} {'repository is' if len(done) == 1 else 'repositories are'} {_DONE[change]}"
        undo = f"/n/{urlpath(path)}/-/deleted" if change == "delete" and path else ""
        return self._frame.done(visit, _at(path), text, undo=undo)

    async def _ask(self, visit: Visit, path: str, change: str, picked: list[RepositoryName], *, wrong: bool) -> Answer:
        caller = self._frame.signed_in(visit)
        items = []
        for name in picked:
            permit = caller.at(name)
            why = ""
            size = tags = None
            try:
                if change == "delete":
                    going = await self._services.removal.look(permit, whole=False)
                    size, tags, why = going.bytes, going.tags, going.held_back or ""
                else:
                    line = await self._services.table.line(permit)
                    size, tags = line.bytes, line.tags
            except ERRORS as error:
                why = str(error)
            items.append(Done(name, why, size, tags))
        return self._page(
            visit,
            "selected.html",
            path,
            change,
            status=400 if wrong else 200,
            items=items,
            typed=_typed(picked) if self._must_type(change, picked) else "",
            wrong="Type the name as it stands above." if wrong else "",
        )

    def _page(self, visit: Visit, template: str, path: str, change: str, status: int = 200, **values: Any) -> Answer:
        return self._frame.page(
            visit,
            template,
            status=status,
            crumbs=self._frame.crumbs("n", path, Crumb(_CHANGES[change])),
            here_path=_at(path),
            back=_at(path),
            what="repository",
            change=change,
            title=_CHANGES[change],
            **values,
        )

    def _must_type(self, change: str, picked: list[RepositoryName]) -> bool:
        return change == "delete" or len(picked) > _TYPE_IT

    async def _change(self, visit: Visit, change: str, name: RepositoryName) -> Done:
        caller = self._frame.signed_in(visit)
        try:
            if change == "delete":
                await self._services.removal.repository(caller.at(name))
            else:
                if not caller.at(name).shows(name):
                    return Done(name, "there is no such repository")
                await self._services.visibility.set(caller.who, name, change == "public", origin=caller.origin)
        except ERRORS as error:
            return Done(name, str(error))
        return Done(name)


def _at(path: str) -> str:
    return f"/n/{urlpath(path)}" if path else "/n"


def _picked(fields: Fields) -> list[RepositoryName]:
    """What was selected, at most a page. Raises `NameInvalid`."""
    return [RepositoryName.parse(each) for each in dict.fromkeys(fields.many("pick"))][:MOST_ROWS]


def _typed(picked: list[RepositoryName]) -> str:
    """What is to be typed before it is done."""
    return picked[0] if len(picked) == 1 else f"{len(picked)} repositories"


def _columns(extra: Sequence[Extra], *, flat: bool, operates: bool) -> list[Column]:
    added = [Column(each.title) for each in extra]
    if not flat:
        return [
            Column("Name", "name"),
            Column("Repositories", kind="number"),
            Column("Tags", kind="number"),
            Column("Size", kind="number"),
            Column("Last push"),
            Column("Last pull"),
            *added,
        ]
    frees = [Column("Frees if deleted", "frees", "number", falls=True)] if operates else []
    return [
        Column("Name", "name"),
        Column("Tags", "tags", "number", falls=True),
        Column("Size", "size", "number", falls=True),
        *frees,
        Column("Last push", "pushed", falls=True),
        Column("Last pull", "pulled", falls=True),
        *added,
    ]
