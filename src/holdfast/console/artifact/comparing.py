"""`/r/NAME/-/compare?a=&b=&platform=`: what changed from one artifact to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from holdfast.access.errors import Conflict
from holdfast.console.artifact.about import compare_path, read_image
from holdfast.console.artifact.comparison_text import markdown
from holdfast.console.artifact.layers import command_of, folds, share
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.details.model import ComparedLayer, Comparison, Difference, Side
from holdfast.registry.details.service import Artifacts, Named, NoCommonPlatform
from holdfast.registry.history.model import Change, Filter, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.slots import About, Slot
from holdfast.web.visit import Answer, Visit

_OFFERS = 8
_LONGEST = 512
_MOST_ROWS = 400
_GROUPS = (
    ("env ", "Environment"),
    ("label ", "Labels"),
    ("annotation ", "Annotations"),
    ("port ", "Ports"),
    ("volume ", "Volumes"),
)


class Services(NamedTuple):
    """What this page stands on."""

    artifacts: Artifacts
    history: History


class LayerRow(NamedTuple):
    """A layer of either or both. `side`: a, b or both."""

    side: str
    digest: str
    size: int
    command: str
    folds: bool
    bar: Markup


class Group(NamedTuple):
    """Differences of one kind, without its word before their names."""

    title: str
    rows: list[Difference]


class ComparePages:
    """Two artifacts compared."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of this page."""
        return [Route("GET", "/r/{repository:name}/-/compare", self.show)]

    async def show(self, visit: Visit) -> Answer:
        """The comparison; where not both are named, what could be compared."""
        repository = RepositoryName.parse(visit.named["repository"])
        query = visit.query
        asked = [query.get(name, "")[:_LONGEST] for name in ("a", "b")]
        platform = query.get("platform", "").strip()
        values: dict[str, Any] = {"said": "", "choices": (), "found": None, "offers": (), "status": 200}
        if all(asked):
            values |= await self._compared(visit, repository, asked, platform)
        else:
            values["offers"] = await self._offers(visit, repository, next(filter(None, asked), ""))
        return self._frame.page(
            visit,
            "compare.html",
            crumbs=self._frame.crumbs("r", repository, Crumb("Compare")),
            tabs=self._frame.tabs(visit, "r", repository, "compare"),
            repository=repository,
            a=asked[0],
            b=asked[1],
            platform=platform,
            swap=compare_path(repository, asked[1], asked[0], platform),
            **values,
        )

    async def _compared(
        self, visit: Visit, repository: RepositoryName, asked: Sequence[str], platform: str
    ) -> dict[str, Any]:
        caller = self._frame.caller(visit)
        host = self._frame.place.host
        try:
            a, b = (read_image(text, repository, host) for text in asked)
        except OciInvalid as error:
            return {"said": str(error), "status": 400}
        try:
            found = await self._services.artifacts.compare(caller.at(""), a, b, platform or None)
        except NoCommonPlatform as error:
            return {"said": str(error), "status": 409, "choices": _choices(repository, (a, b), error)}
        except Conflict as error:
            return {"said": str(error), "status": 409}
        about = About(path=repository, digest=str(found.a.image), other=str(found.b.image))
        return {
            "found": found,
            "delta": found.b.size - found.a.size,
            "base": _layers(found, base=True),
            "layers": _layers(found, base=False),
            "only": {side: sum(each.layer.size for each in found.layers if each.side is side) for side in Side},
            "groups": _groups(found.differences),
            "text": markdown(self._frame.place.host, found, asked),
            "boxes": await self._frame.boxes(visit, Slot.COMPARE, about),
        }

    async def _offers(self, visit: Visit, repository: RepositoryName, named: str) -> list[tuple[str, str, Change]]:
        """Comparisons that suggest themselves: a tag with what it was before. Two references and the change."""
        caller = self._frame.caller(visit)
        wanted = Filter(what=What.MOVED)
        tag = None
        if named:
            try:
                one = read_image(named, repository, self._frame.place.host)
                tag = str(one.reference) if ":" not in one.reference and one.repository == repository else None
            except OciInvalid:
                tag = None
        page = await self._services.history.changes(caller.at(""), Target(repository, tag), wanted, None, _OFFERS)
        return [(each.was, each.now, each) for each in page.changes if each.was is not None and each.now is not None]


def _choices(repository: str, named: Sequence[Named], error: NoCommonPlatform) -> list[tuple[str, str]]:
    """Pairs of platforms of two artifacts that have none in common, and where they are compared."""
    ones, others = error.platforms
    found = []
    for one, digest in list(ones.items())[:_OFFERS]:
        for other, its in list(others.items())[:_OFFERS]:
            a, b = f"{named[0].repository}@{digest}", f"{named[1].repository}@{its}"
            found.append((f"{one} with {other}", compare_path(repository, a, b)))
    return found


def _layers(found: Comparison, *, base: bool) -> list[LayerRow]:
    """The layers that both begin with, or those behind them."""
    common = _common(found.layers)
    whole = sum(each.layer.size for each in found.layers)
    rows: list[LayerRow] = []
    before = 0
    for at, each in enumerate(found.layers):
        layer = each.layer
        if (at < common) == base:
            command = command_of(layer.command)
            bar = share(before, layer.size, whole)
            rows.append(LayerRow(str(each.side), layer.digest, layer.size, command, folds(command), bar))
        before += layer.size
    return rows[:_MOST_ROWS]


def _common(layers: Sequence[ComparedLayer]) -> int:
    """How many layers both begin with."""
    return next((at for at, each in enumerate(layers) if each.side is not Side.BOTH), len(layers))


def _groups(differences: Sequence[Difference]) -> list[Group]:
    """Differences by what they are of."""
    groups = [Group("Runs as", [])] + [Group(title, []) for _, title in _GROUPS]
    for each in differences:
        at = next((at for at, (word, _) in enumerate(_GROUPS, 1) if each.field.startswith(word)), 0)
        name = each.field.removeprefix(_GROUPS[at - 1][0]) if at else each.field
        groups[at].rows.append(each._replace(field=name))
    return [group for group in groups if group.rows]
