"""What insights add to pages of the core: boxes on home, a repository and an artifact, and columns of pulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.insights import drawing
from holdfast.insights.looking import Asked, Insights, Puller
from holdfast.insights.model import RECENT, date_text
from holdfast.insights.ranking import Ranking
from holdfast.insights.recent import Recent
from holdfast.insights.traffic import Traffic
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.web.caller import Caller
from holdfast.web.charts.plots import sparkline
from holdfast.web.formats import count, urlpath
from holdfast.web.slots import About, Cell, Column, Ordered, Panel, Slot

_TOP = 5
_WHO = 200
_TITLE = f"Pulls {RECENT} d"
KEY = "pulls"


class Boxes:
    """Draws them."""

    def __init__(self, insights: Insights, ranking: Ranking, recent: Recent, traffic: Traffic) -> None:
        self._insights = insights
        self._ranking = ranking
        self._recent = recent
        self._traffic = traffic

    def panels(self) -> tuple[Panel, ...]:
        """The boxes."""
        return (
            Panel(Slot.HOME, f"Pulls and pushes, {RECENT} days", self.home),
            Panel(Slot.REPOSITORY, f"Pulls in {RECENT} days", self.repository),
            Panel(Slot.ARTIFACT, f"Pulls in {RECENT} days", self.artifact),
        )

    def tag_column(self) -> Column:
        """The column of tags."""
        return Column(KEY, _TITLE, self.of_tags, self.order, "number")

    def repository_column(self) -> Column:
        """The column of repositories."""
        return Column(KEY, _TITLE, self.of_repositories, kind="number")

    async def home(self, caller: Caller, _about: About) -> tuple[str, Mapping[str, Any]] | None:
        """Pulls and pushes by day of all that somebody may know as a whole."""
        moved = await self._traffic.recent(caller.at(""))
        if moved is None:
            return None
        one = moved.paths[0] if len(moved.paths) == 1 else ""
        return "insights-home-box.html", {
            "href": f"/n/{urlpath(one)}/-/insights" if one else "/insights",
            "total": moved.total,
            "of": one or ("everything" if moved.paths == ("",) else f"{count(len(moved.paths))} namespaces"),
            "figure": drawing.by_days(moved.days, moved.first, moved.first + RECENT - 1)._replace(title="By day (UTC)"),
            "known": date_text(moved.counted_since) if moved.counted_since is not None else "today",
            "young": moved.counted_since is None or moved.counted_since > moved.first,
        }

    async def repository(self, caller: Caller, about: About) -> tuple[str, Mapping[str, Any]] | None:
        """Pulls by day and the tags that are pulled most."""
        permit = caller.at(about.path)
        known = (await self._recent.repositories(permit, [about.path])).get(about.path)
        top = await self._ranking.top(permit, _TOP)
        top = [each for each in top if each.tag is not None]
        if known is None and not top:
            return None
        most = max((each.pulls for each in top), default=0)
        return "insights-repository-box.html", {
            "path": about.path,
            "known": known,
            "line": _line(known.days) if known is not None else "",
            "top": [(each, drawing.share(each.pulls, most)) for each in top],
        }

    async def artifact(self, caller: Caller, about: About) -> tuple[str, Mapping[str, Any]] | None:
        """Pulls of a digest and of its tag, by platform, and for auditors by client."""
        permit = caller.at(about.path)
        repository = RepositoryName.parse(about.path)
        tag = None
        if about.tag:
            tag = (await self._recent.tags(permit, repository, [about.tag])).get(about.tag)
        use = await self._recent.use(permit, repository, about.digest) if about.digest else None
        if tag is None and use is None:
            return None
        clients: list[tuple[str, int]] | None = None
        if permit.tags(Action.READ_AUDIT, repository).everything:
            of_tag = Tag.parse(about.tag) if about.tag else ""
            of_digest = "" if about.tag else Digest.parse(about.digest)
            clients = _clients(await self._insights.who(permit, repository, Asked(RECENT), of_tag, of_digest, _WHO))
        return "insights-artifact-box.html", {
            "path": about.path,
            "tag_name": about.tag,
            "tag": tag,
            "use": use,
            "line": _line(use.days) if use is not None else "",
            "clients": clients,
        }

    async def of_tags(self, caller: Caller, repository: str, names: Sequence[str]) -> Mapping[str, Cell]:
        """What the column says of tags."""
        found = await self._recent.tags(caller.at(repository), repository, names)
        return {name: Cell(count(pulls)) for name, pulls in found.items()}

    async def of_repositories(self, caller: Caller, _path: str, paths: Sequence[str]) -> Mapping[str, Cell]:
        """What the column says of repositories."""
        found = await self._recent.repositories(caller.at(""), paths)
        return {
            path: Cell(count(each.pulls), _said(each.days), href=f"/r/{urlpath(path)}/-/insights", values=each.days)
            for path, each in found.items()
        }

    async def order(  # noqa: PLR0917 - as `Column` has it
        self, permit: PathPermit, repository: str, descending: bool, after: str, before: str, limit: int
    ) -> Ordered:
        """Tags by their pulls."""
        return Ordered(*await self._recent.order(permit, repository, descending, after, before, limit))


def _line(days: Sequence[int]) -> Any:
    return sparkline(days, _said(days))


def _said(days: Sequence[int]) -> str:
    return f"Pulls by day, {RECENT} days: at most {count(max(days, default=0))} on one, {count(days[-1])} today"


def _clients(found: Sequence[Puller]) -> list[tuple[str, int]]:
    """Pulls by client, the most first."""
    sums: dict[str, int] = {}
    for each in found:
        if each.pulls:
            sums[each.agent or "other"] = sums.get(each.agent or "other", 0) + each.pulls
    return sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:_TOP]
