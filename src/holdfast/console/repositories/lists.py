"""`/n` and `/n/NAMESPACE`: namespaces and repositories, as a tree or flat; making one; changing several at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.policy.model import Action
from holdfast.console.commands import push
from holdfast.console.repositories.about import cells_of, registry_of, suggested, why_not
from holdfast.console.repositories.asked import REPOSITORY_FILTERS, gone_to, place_of, repository_filter
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import MOST_ROWS, Branch, Found, RepositoryFilter, RepositoryLine, RepositorySort
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.saying import Saying
from holdfast.registry.several.model import Kind, PickedRepositories
from holdfast.registry.several.service import Several
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import Column as Extra
from holdfast.web.visit import Answer, Visit

_HERE = ("/n", "/n/{namespace:name}")
_CHANGES = {"public": Kind.PUBLIC, "private": Kind.PRIVATE, "delete": Kind.DELETE_REPOSITORY}


class Services(NamedTuple):
    """What these pages stand on."""

    table: RepositoryTable
    repositories: Repositories
    several: Several


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
        """Look at what doing something to several repositories would do."""
        path = visit.named.get("namespace", "")
        fields = await self._frame.changes(visit)
        change, every = fields.get("do", ""), fields.get("all") == "1"
        if change not in _CHANGES:
            raise Invalid("do", f"one of {', '.join(_CHANGES)}")
        picked = [RepositoryName.parse(each) for each in dict.fromkeys(fields.many("pick"))][:MOST_ROWS]
        if not picked and not every:
            return self._frame.done(visit, _at(path), "Nothing was selected")
        wanted = RepositoryFilter()
        if every:
            given = {key: fields.get(key, "") for key in REPOSITORY_FILTERS}
            wanted = repository_filter(given, self._frame.now(), visit.look.zone)
        permit = self._frame.signed_in(visit).at(path)
        chosen = PickedRepositories(None if every else picked, wanted)
        made = await self._services.several.plan_repositories(permit, _CHANGES[change], chosen)
        return redirect(f"{_at(path)}/-/changes/{made}")


def _at(path: str) -> str:
    return f"/n/{urlpath(path)}" if path else "/n"


def _columns(extra: Sequence[Extra], *, flat: bool, operates: bool) -> list[Column]:
    added = [Column(each.title, kind=each.kind) for each in extra]
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
