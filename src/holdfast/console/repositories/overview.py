"""`/r/NAME`: what a repository is and how to pull from it; an empty one says how to push, until the first push."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Denied, Invalid
from holdfast.access.policy.model import Action
from holdfast.console.commands import Image, pull, push
from holdfast.console.repositories.about import registry_of, why_not
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import Found, Place, RepositoryType, TagFilter, TagLine, TagLines
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.effective.kinds import duration_words
from holdfast.registry.effective.service import WINDOW
from holdfast.registry.immutability.rules import SETTING as IMMUTABLE
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.saying import Saying
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.markdown import markdown
from holdfast.web.site import Route
from holdfast.web.slots import About, Slot
from holdfast.web.visit import Answer, Visit

_LATEST = 10
_NOTHING = TagLines(Found([], None, None), None, 0, None)


class Services(NamedTuple):
    """What this page stands on."""

    repositories: RepositoryTable
    tags: TagTable
    settings: SettingsTree
    sayings: Repositories


class OverviewPages:
    """The first page of a repository."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/r/{repository:name}", self.show),
            Route("GET", "/r/{repository:name}/-/describe", self.ask),
            Route("POST", "/r/{repository:name}/-/describe", self.describe),
        ]

    async def show(self, visit: Visit) -> Answer:
        """What a repository is, and how to pull from it."""
        name = RepositoryName.parse(visit.named["repository"])
        caller = self._frame.caller(visit)
        permit = caller.at(name)
        line = await self._services.repositories.line(permit)
        try:
            latest = await self._services.tags.page(
                permit, name, TagFilter(), Place("pushed", descending=True, limit=_LATEST)
            )
        except Denied:  # it may be told of, and nothing that is in it
            latest = _NOTHING
        tags = latest.found.lines
        newest = next((tag for tag in tags if tag.name == "latest"), tags[0] if tags else None)
        held = {each.kind.name: each for each in await self._services.settings.list(permit)}
        by_digest = visit.query.get("by") == "digest"
        registry = registry_of(self._frame, visit)
        clients = []
        if newest is not None:
            image = Image(name, newest.digest if by_digest else newest.name, line.kind)
            clients = pull(registry, image, private=not line.public)
        return self._frame.page(
            visit,
            "repository.html",
            fragment="first",
            crumbs=self._frame.crumbs("r", name),
            tabs=self._frame.tabs(visit, "r", name, "overview"),
            name=name,
            at=f"/r/{urlpath(name)}",
            line=line,
            latest=tags,
            newest=newest,
            by_digest=by_digest,
            clients=clients,
            platforms=_platforms(tags),
            tracked_since=latest.tracked_since,
            rules=held[IMMUTABLE],
            window=held[WINDOW],
            window_said=duration_words(held[WINDOW].value),
            readme=markdown(line.description) if line.description else None,
            describes=not permit.tags(Action.SETTINGS, name).nothing and bool(caller.who.subject.id),
            push_clients=push(registry, name) if not tags else [],
            push_why=why_not(caller, Action.CREATE_TAG, name) if not tags else "",
            empty=line.kind is RepositoryType.EMPTY,
            boxes=await self._frame.boxes(visit, Slot.REPOSITORY, About(path=name)),
        )

    async def ask(self, visit: Visit) -> Answer:
        """The form that describes the repository."""
        permit = self._frame.signed_in(visit).at(RepositoryName.parse(visit.named["repository"]))
        line = await self._services.repositories.line(permit)
        permit.require(Action.SETTINGS, line.path)
        return self._form(visit, line.path, line.description)

    async def describe(self, visit: Visit) -> Answer:
        """Describe it."""
        fields = await self._frame.changes(visit)
        name = RepositoryName.parse(visit.named["repository"])
        text = "\n".join(fields.get("description", "").splitlines()).strip()
        try:
            await self._services.sayings.say(self._frame.signed_in(visit).at(name), Saying(text))
        except Invalid as error:
            return self._form(visit, name, text, str(error), status=400)
        return self._frame.done(visit, f"/r/{urlpath(name)}", "The description is saved")

    def _form(self, visit: Visit, name: str, given: str, error: str = "", status: int = 200) -> Answer:
        return self._frame.page(
            visit,
            "repository-describe.html",
            status=status,
            fragment="dialog",
            crumbs=self._frame.crumbs("r", name, Crumb("Describe")),
            name=name,
            at=f"/r/{urlpath(name)}",
            given=given,
            error=error,
        )


def _platforms(tags: list[TagLine]) -> list[str]:
    """What the latest tags are for, each once."""
    return list(dict.fromkeys(platform for tag in tags for platform in tag.platforms))
