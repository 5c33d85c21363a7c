"""From what happened to the rows that it adds to. Pure.

Promises: each use is counted once for its repository, its digest, its agent, its network and its subject, whatever
tags it belongs to. A use that names a tag belongs to that tag alone; one by digest to every tag that led there at that
moment: directly, or through an index. So the counts of tags that share an image do not add up to those of their
repository.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.usage.classes import SubjectClass
from holdfast.insights.model import Counts, Dim, day_of, month_of, namespaces_of


class Happened(NamedTuple):
    """Something that happened in a repository, equal things together. `tag`: the one that was named, '' for none;
    `tags`: those that it belongs to; `digest` '': of a blob, which has bytes only. Times are microseconds."""

    repo_id: int
    path: str
    subject: str
    agent: str
    network: str
    what: SubjectClass
    digest: str
    tag: str
    tags: tuple[str, ...]
    counts: Counts
    first_at: int
    last_at: int


class Key(NamedTuple):
    """A row of `insight`. `name` '': the repository as a whole."""

    repo_id: int
    dim: Dim
    day: int
    name: str
    what: SubjectClass


class WhoKey(NamedTuple):
    """A row of `insight_who`."""

    repo_id: int
    day: int
    subject: str
    agent: str
    network: str
    what: SubjectClass
    digest: str
    tag: str


class Who(NamedTuple):
    """What such a row says."""

    pulls: int
    pushes: int
    first_at: int
    last_at: int


class Recent(NamedTuple):
    """What a row of `insight_recent` says."""

    pulls: int
    pulls_all: int
    last_at: int
    last_all_at: int


class MonthKey(NamedTuple):
    """A row of `insight_month`."""

    path: str
    month: int
    what: SubjectClass


class TrafficKey(NamedTuple):
    """A row of `insight_traffic`."""

    path: str
    day: int
    what: SubjectClass


class Tally:
    """What a batch adds to the rows. `since`: what is older than this day is counted on it."""

    def __init__(self, since: int = 0) -> None:
        self._since = since
        self.rows: dict[Key, Counts] = {}
        self.who: dict[WhoKey, Who] = {}
        self.recent: dict[tuple[int, str], Recent] = {}
        self.months: dict[MonthKey, Counts] = {}
        self.traffic: dict[TrafficKey, Counts] = {}

    def add(self, each: Happened) -> None:
        """Count one."""
        day = max(day_of(each.last_at), self._since)
        counts, plain = each.counts, each.counts.without_bytes()
        self._row(Key(each.repo_id, Dim.REPOSITORY, day, "", each.what), counts)
        for dim, name in ((Dim.AGENT, each.agent), (Dim.NETWORK, each.network), (Dim.SUBJECT, each.subject)):
            self._row(Key(each.repo_id, dim, day, name, each.what), counts)
        for path in namespaces_of(each.path):
            key = MonthKey(path, month_of(day), each.what)
            self.months[key] = self.months.get(key, Counts()).plus(counts)
            if counts.pulls or counts.pushes:
                at = TrafficKey(path, day, each.what)
                self.traffic[at] = self.traffic.get(at, Counts()).plus(counts)
        if not each.digest or not any(plain):
            return
        self._row(Key(each.repo_id, Dim.DIGEST, day, each.digest, each.what), plain)
        for tag in each.tags:
            self._row(Key(each.repo_id, Dim.TAG, day, tag, each.what), plain)
        if counts.pulls:
            for name in ("", *each.tags):
                self._recent(each, name)
        if counts.pulls or counts.pushes:
            self._who(each, day)

    def _row(self, key: Key, counts: Counts) -> None:
        known = self.rows.get(key)
        self.rows[key] = counts if known is None else known.plus(counts)

    def _recent(self, each: Happened, name: str) -> None:
        runs = each.what.runs
        pulls, pulls_all, last_at, last_all_at = self.recent.get((each.repo_id, name), Recent(0, 0, 0, 0))
        self.recent[each.repo_id, name] = Recent(
            pulls + each.counts.pulls * runs,
            pulls_all + each.counts.pulls,
            max(last_at, each.last_at * runs),
            max(last_all_at, each.last_at),
        )

    def _who(self, each: Happened, day: int) -> None:
        key = WhoKey(each.repo_id, day, each.subject, each.agent, each.network, each.what, each.digest, each.tag)
        new = Who(each.counts.pulls, each.counts.pushes, each.first_at, each.last_at)
        known = self.who.get(key)
        self.who[key] = new if known is None else both(known, new)


def both(one: Who, other: Who) -> Who:
    """Two rows as one."""
    return Who(
        one.pulls + other.pulls,
        one.pushes + other.pushes,
        min(one.first_at, other.first_at),
        max(one.last_at, other.last_at),
    )


def tally(happened: Iterable[Happened], since: int = 0) -> Tally:
    """What all of them add."""
    found = Tally(since)
    for each in happened:
        found.add(each)
    return found
