"""A registry whose use is counted: what is fed, told, and stands in the tables afterwards."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.registry.house import REPO, House

from holdfast.access.usage import feed
from holdfast.access.usage.feed import FedUse
from holdfast.db.query import Command
from holdfast.feature.telling import Teller
from holdfast.insights.feature import INSIGHTS
from holdfast.insights.model import Dim
from holdfast.telemetry.events import make_events

SEAL = Command(
    """
    update journal set pos = id, path = coalesce(path, (select path from repository where id = journal.repo_id))
    where pos is null
    """
)


def use(digest: str, reference: str = "", **more: Any) -> FedUse:
    """A pull by somebody, as the surface tells it."""
    given: dict[str, Any] = {
        "subject": "robot:team+ci",
        "account": 7,
        "credential": "key:12",
        "network": "192.0.2.0/24",
        "agent": "containerd",
        "action": "pull",
        "repository": REPO,
        "reference": reference or digest,
        "digest": digest,
        "head": False,
        "allowed": True,
        "times": 1,
        "bytes": 0,
        "first_at": 0,
        "last_at": 0,
        **more,
    }
    return FedUse(**given)


class Counting:
    """Insights over a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._teller = Teller(house.db, [INSIGHTS], make_events("critical"))

    async def begin(self) -> None:
        """From now on everything is counted."""
        await self.turn()

    async def turn(self) -> None:
        """Tell what waits."""
        await self.house.db.write(lambda unit: unit.run(SEAL))
        await self._teller.turn()

    async def feed(self, *uses: FedUse) -> None:
        """Store a batch of uses of this moment, untold."""
        now = self.house.clock.move(1_000)
        stamped = [
            each._replace(first_at=each.first_at or now, last_at=each.last_at or each.first_at or now) for each in uses
        ]
        await self.house.db.write(lambda unit: feed.put(unit, stamped))

    async def count(self, *uses: FedUse) -> None:
        """Feed and tell."""
        await self.feed(*uses)
        await self.turn()

    def sums(self, dim: Dim, column: str = "pulls", repo: str = REPO) -> dict[str, int]:
        """What stands in the tables, over all days and classes, by name ('' for no name)."""
        rows = self.house.sql(
            f"select coalesce(n.text, ''), sum(i.{column}) from insight i left join insight_name n on n.id = i.name_id "
            "join repository r on r.id = i.repo_id where coalesce(r.was_path, r.path) = ? and i.dim = ? "
            "group by coalesce(n.text, '')",
            repo,
            int(dim),
        )
        return {name: int(count) for name, count in rows if count}

    def total(self, column: str = "pulls", repo: str = REPO) -> int:
        return self.sums(Dim.REPOSITORY, column, repo).get("", 0)

    def classes(self, repo: str = REPO) -> dict[int, int]:
        rows = self.house.sql(
            "select i.class, sum(i.pulls) from insight i join repository r on r.id = i.repo_id "
            "where coalesce(r.was_path, r.path) = ? and i.dim = 0 group by i.class",
            repo,
        )
        return {int(what): int(count) for what, count in rows}

    def recent(self, repo: str = REPO) -> dict[str, tuple[int, int]]:
        """Pulls of 30 days, without and with scanners, by tag ('' for the repository)."""
        rows = self.house.sql(
            "select s.name, s.pulls, s.pulls_all from insight_recent s join repository r on r.id = s.repo_id "
            "where coalesce(r.was_path, r.path) = ?",
            repo,
        )
        return {name: (pulls, everything) for name, pulls, everything in rows}

    def who(self) -> Counter[tuple[str, str, str, str]]:
        """Pulls by subject, agent, network and tag, in all repositories."""
        rows = self.house.sql(
            "select s.text, a.text, n.text, coalesce(t.text, ''), sum(w.pulls) from insight_who w "
            "left join insight_name s on s.id = w.subject_id left join insight_name a on a.id = w.agent_id "
            "left join insight_name n on n.id = w.network_id left join insight_name t on t.id = w.tag_id "
            "group by s.text, a.text, n.text, coalesce(t.text, '')"
        )
        return Counter({tuple(row[:4]): int(row[4]) for row in rows if row[4]})
