"""The warning of a quota as shapes tell it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.registry.events.model import Event
from holdfast.registry.quotas.model import What, amount


class Quota(NamedTuple):
    """`used` of `most` of `what`; `repository`: whose push came so near."""

    what: What
    used: int
    most: int
    repository: str

    @property
    def percent(self) -> int:
        """How much of it is used, in whole percent; 100 where nothing may be used."""
        return self.used * 100 // self.most if self.most else 100

    @property
    def full(self) -> bool:
        """Whether nothing more comes in."""
        return self.used >= self.most

    def written(self, number: int) -> str:
        """A number of `what`, for people."""
        return amount(self.what, number)

    @property
    def sentence(self) -> str:
        """What is told in words."""
        return f"{self.percent} % of the quota is used: {self.written(self.used)} of {self.written(self.most)}"


def quota_of(event: Event) -> Quota | None:
    """The quota that a `quota.warned` speaks of."""
    what, used, most = (event.data.get(name) for name in ("quota", "used", "limit"))
    if what not in tuple(What) or not isinstance(used, int) or not isinstance(most, int):
        return None
    repository = event.data.get("repository")
    return Quota(What(what), used, most, repository if isinstance(repository, str) else "")
