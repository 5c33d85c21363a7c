"""`Insights`: what was counted, for those who may know.

Promises: counts of a repository as a whole, by tag, digest, platform, class and agent are told to who may be told of
all its tags; who pulled, and from where, to who has `read-audit` there. Who may be told of some tags is told of those
alone, and of no sum. What may not be seen is answered as what is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.access.usage.classes import SubjectClass
from holdfast.db.port import Database, Reader
from holdfast.insights import reading_store as store
from holdfast.insights.model import NOTHING, Counts, Dim, day_of
from holdfast.oci.name import RepositoryName
from holdfast.registry.reach.showing import may_tell, tells, unseen

MOST_DAYS = 3650
_LOOKED_AT = 5_000
_WHO_ROWS = 20_000
_EVENTS = 200
_PARTS = 5_000
_DEEP = 4


class By(StrEnum):
    """Along what counts are shown."""

    TAG = "tag"
    DIGEST = "digest"
    PLATFORM = "platform"
    CLASS = "class"
    AGENT = "agent"
    NETWORK = "network"
    SUBJECT = "subject"

    @property
    def tells_who(self) -> bool:
        """Whether it says something of people."""
        return self in (By.NETWORK, By.SUBJECT)


_DIMS = {
    By.TAG: Dim.TAG,
    By.DIGEST: Dim.DIGEST,
    By.AGENT: Dim.AGENT,
    By.NETWORK: Dim.NETWORK,
    By.SUBJECT: Dim.SUBJECT,
}


class Asked(NamedTuple):
    """What to show: of so many days, today among them; `everyone`: scanners and mirrors, too."""

    days: int = 30
    everyone: bool = False

    @property
    def most(self) -> int:
        """The last class that is shown."""
        return int(SubjectClass.MIRROR if self.everyone else SubjectClass.ANONYMOUS)

    def since(self, now: int) -> int:
        """The first day that is shown. Raises `Invalid`."""
        if not 1 <= self.days <= MOST_DAYS:
            raise Invalid("days", f"from 1 to {MOST_DAYS}")
        return day_of(now) - self.days + 1


class Named(NamedTuple):
    """Counts under a name; None: of what has none, or of the rare together."""

    name: str | None
    counts: Counts


class Report(NamedTuple):
    """A repository. `total`, `days` None: not the caller's to know; `counted_since`: the first day on which anything
    was counted at all; `more`: there are more names than are shown."""

    repository: str
    counted_since: int | None
    first_day: int
    total: Counts | None
    days: list[tuple[int, Counts]] | None
    by: By
    rows: list[Named]
    more: bool


class Puller(NamedTuple):
    """Who pulled and pushed, with what, from where. None: the rare together. Times are microseconds."""

    subject: str | None
    agent: str | None
    network: str | None
    what: SubjectClass
    pulls: int
    pushes: int
    first_at: int
    last_at: int


class Span(NamedTuple):
    """When a tag led to a manifest."""

    since: int
    until: int


class Insights:
    """The counts of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def report(self, permit: PathPermit, repository: RepositoryName, asked: Asked, by: By, limit: int) -> Report:
        """Counts of a repository. Raises `RepositoryUnknown`, `Denied`, `Invalid`, `StalePermit`."""
        rights = may_tell(permit, repository)
        since = asked.since(self._db.now())

        async def read(reader: Reader) -> Report:
            await check_reading(reader, permit)
            repo_id = await _seen(reader, permit, repository)
            if rights.nothing:
                raise rights.refuse()
            if by.tells_who:
                permit.require(Action.READ_AUDIT, repository)
            elif by is not By.TAG and not rights.everything:
                raise rights.refuse()
            days = await reader.all(store.DAYS, repo_id=repo_id, since=since)
            if by is By.CLASS:
                rows = _by_class(days, asked.most)
            else:
                most = limit + 1 if rights.everything else _LOOKED_AT
                within = {"repo_id": repo_id, "since": since, "most": asked.most, "limit": most}
                rows = await _rows(reader, within, by)
            if not rights.everything:
                shown = tells(rights)
                rows = [row for row in rows if row.name is not None and shown(row.name)]
            first = await reader.one(store.FIRST_DAY)
            kept = [day for day in days if day.class_ <= asked.most]
            return Report(
                repository,
                first.day if first is not None else None,
                since,
                _sum(Counts(*day[2:]) for day in kept) if rights.everything else None,
                _by_day(kept) if rights.everything else None,
                by,
                rows[:limit],
                len(rows) > limit,
            )

        return await self._db.snapshot(read)

    async def who(  # noqa: PLR0917 - what may be asked
        self, permit: PathPermit, repository: RepositoryName, asked: Asked, tag: str, digest: str, limit: int
    ) -> list[Puller]:
        """Who pulled and pushed in a repository, the latest first; `tag`, `digest`: only that, '' for anything. Raises
        as `report`."""
        since = asked.since(self._db.now())
        if tag and digest:
            raise Invalid("digest", "ask for a tag or for a digest")

        async def read(reader: Reader) -> list[Puller]:
            await check_reading(reader, permit)
            repo_id = await _seen(reader, permit, repository)
            permit.require(Action.READ_AUDIT, repository)
            within = {"repo_id": repo_id, "since": since, "most": asked.most}
            if tag:
                return (await _who_of_tag(reader, within, tag))[:limit]
            if digest:
                ids = await _ids(reader, [digest])
                rows = await reader.all(store.WHO_OF_DIGEST, digest_id=ids.get(digest, -1), limit=limit, **within)
            else:
                rows = await reader.all(store.WHO, limit=limit, **within)
            return [Puller(*row[:3], SubjectClass(row.class_), *row[4:]) for row in rows]

        return await self._db.snapshot(read)


async def _seen(reader: Reader, permit: PathPermit, repository: RepositoryName) -> int:
    """The id of a repository that the caller may be told of. Raises `RepositoryUnknown`."""
    told = permit.shows(repository) or permit.tags(Action.READ_AUDIT, repository).everything
    if told:
        row = await reader.one(store.REPOSITORY, path=repository)
        if row is not None:
            return row.id
    raise unseen(repository)


async def _rows(reader: Reader, within: dict[str, int], by: By) -> list[Named]:
    """Counts by name, the most pulled first."""
    if by is By.PLATFORM:
        rows = await reader.all(store.BY_PLATFORM, **within)
    else:
        rows = await reader.all(store.BY_NAME, dim=int(_DIMS[by]), **within)
    return [Named(row.name, Counts(*row[1:])) for row in rows]


def _by_class(days: Iterable[store.DayRow], most: int) -> list[Named]:
    found: dict[int, Counts] = {}
    for day in days:
        if day.class_ <= most:
            found[day.class_] = found.get(day.class_, NOTHING).plus(Counts(*day[2:]))
    named = [Named(SubjectClass(what).word, counts) for what, counts in sorted(found.items())]
    return sorted(named, key=lambda each: -each.counts.pulls)


def _by_day(days: Iterable[store.DayRow]) -> list[tuple[int, Counts]]:
    found: dict[int, Counts] = {}
    for day in days:
        found[day.day] = found.get(day.day, NOTHING).plus(Counts(*day[2:]))
    return sorted(found.items())


def _sum(counts: Iterable[Counts]) -> Counts:
    total = NOTHING
    for each in counts:
        total = total.plus(each)
    return total


# -- who pulled a tag --------------------------------------------------------------------------------------------------


async def _who_of_tag(reader: Reader, within: dict[str, int], tag: str) -> list[Puller]:
    """Who named a tag, or asked by digest for what it led to at that time."""
    spans = await _spans(reader, within["repo_id"], tag)
    digests = {row.id: row.digest for row in await reader.all(store.DIGESTS, ids=sorted(spans))}
    ids = await _ids(reader, [tag, *digests.values()])
    when: dict[int, list[Span]] = {ids[digest]: spans[content] for content, digest in digests.items() if digest in ids}
    rows = await reader.all(
        store.WHO_OF_TAG, tag_id=ids.get(tag, -1), digest_ids=sorted(when), limit=_WHO_ROWS, **within
    )
    found: dict[tuple[str | None, str | None, str | None, int], Puller] = {}
    for row in rows:
        if not row.tag_id and not any(
            span.since <= row.last_at and row.first_at <= span.until for span in when[row.digest_id]
        ):
            continue
        key = (row.subject, row.agent, row.network, row.class_)
        known = found.get(key)
        found[key] = Puller(
            *key[:3],
            SubjectClass(row.class_),
            row.pulls + (known.pulls if known else 0),
            row.pushes + (known.pushes if known else 0),
            min(row.first_at, known.first_at) if known else row.first_at,
            max(row.last_at, known.last_at) if known else row.last_at,
        )
    return sorted(found.values(), key=lambda each: (-each.last_at, each.subject or "", each.agent or ""))


async def _spans(reader: Reader, repo_id: int, tag: str) -> dict[int, list[Span]]:
    """To which manifests a tag led, and when: itself, and what indexes list."""
    found: dict[int, list[Span]] = {}
    until = 1 << 62
    for event in await reader.all(store.EVENTS, repo_id=repo_id, name=tag, limit=_EVENTS):
        if event.now_id is not None:
            found.setdefault(event.now_id, []).append(Span(event.at, until))
        until = event.at
    level = set(found)
    for _ in range(_DEEP):
        if not level:
            break
        below: set[int] = set()
        for part in await reader.all(store.PARTS, repo_id=repo_id, ids=sorted(level), limit=_PARTS):
            known = found.setdefault(part.kept_id, [])
            fresh = [span for span in found[part.keeper_id] if span not in known]
            if fresh:
                known += fresh
                below.add(part.kept_id)
        level = below
    return found


async def _ids(reader: Reader, texts: Iterable[str]) -> dict[str, int]:
    return {row.text: row.id for row in await reader.all(store.NAMES, texts=sorted(set(texts)))}
