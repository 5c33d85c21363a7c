"""`Ranking`: which images are pulled most, and which by nobody.

Promises: a list costs what it shows, not what there is; a repository is in it for who may be told of all its tags, and
a tag for who may be told of it. Pulls are those of the last 30 days by who runs images: no scanners, no mirrors.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.insights import ranking_store
from holdfast.insights import reading_store as store
from holdfast.insights.looking import MOST_DAYS
from holdfast.insights.model import DAY
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.quotas.managing import checked
from holdfast.registry.reach.showing import may_tell, tells
from holdfast.registry.reach.spans import EVERYWHERE, below

_FEW = 2_000
_PAGE = 500
_PAGES = 20
_MOST = 1 << 62
_HIGHEST = "\x7f"


class Ranked(NamedTuple):
    """A repository, or a tag of one (None: the whole), and its pulls of 30 days; `pulls_all`: with those of scanners
    and mirrors; `last_at`: the last by who runs images, None: none is known."""

    repository: str
    tag: str | None
    pulls: int
    pulls_all: int
    last_at: int | None


class Idle(NamedTuple):
    """What nobody pulled who runs images. `since`: when it was made or pushed; `pulls_all`: of scanners and mirrors."""

    repository: str
    tag: str | None
    since: int
    last_at: int | None
    pulls_all: int


class IdlePage(NamedTuple):
    """Idle ones, the name to go on after (None: at the end), and the first day of which anything is known."""

    rows: list[Idle]
    next: str | None
    counted_since: int | None


class Ranking:
    """The lists of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def top(self, permit: PathPermit, limit: int) -> list[Ranked]:
        """The most pulled repositories below the permit's path; its tags, where that is a repository. Raises `Invalid`,
        `StalePermit`."""
        path = checked(permit.path)

        async def read(reader: Reader) -> list[Ranked]:
            await check_reading(reader, permit)
            tags = await _top_tags(reader, permit, path, limit)
            if tags is not None:
                return tags
            if path:
                few = await _few(reader, path)
                if few is not None:
                    told = [each for each in few if each.pulls and may_tell(permit, each.name).everything]
                    told.sort(key=lambda each: (-each.pulls, each.name))
                    return [_ranked(each) for each in told[:limit]]
            return await _walk(reader, permit, path, limit)

        return await self._db.snapshot(read)

    async def idle(self, permit: PathPermit, days: int, after: str, limit: int) -> IdlePage:
        """Repositories below the permit's path, or tags where that is a repository, that are as old as that and were
        not pulled for so many days. A page may be shorter and still have a next one. Raises as `top`."""
        path = checked(permit.path)
        if not 1 <= days <= MOST_DAYS:
            raise Invalid("days", f"from 1 to {MOST_DAYS}")
        before = self._db.now() - days * DAY

        async def read(reader: Reader) -> IdlePage:
            await check_reading(reader, permit)
            first = await reader.one(store.FIRST_DAY)
            row = await _repository(reader, permit, path)
            if row is not None:
                rows, last = await _idle_tags(reader, permit, row, before, after, limit)
            else:
                rows, last = await _idle(reader, permit, path, before, after, limit)
            return IdlePage(rows, last, first.day if first is not None else None)

        return await self._db.snapshot(read)


async def _repository(reader: Reader, permit: PathPermit, path: str) -> store.RepositoryRow | None:
    """The repository at a path, if the caller may be told of it."""
    if not _shown(permit, path):
        return None
    return await reader.one(store.REPOSITORY, path=path)


def _shown(permit: PathPermit, path: str) -> bool:
    """Whether a path can be a repository that the caller may be told of."""
    try:
        return permit.shows(RepositoryName.parse(path))
    except NameInvalid:
        return False


async def _top_tags(reader: Reader, permit: PathPermit, path: str, limit: int) -> list[Ranked] | None:
    """The most pulled tags of the repository at a path; None: there is none that the caller may be told of."""
    if not _shown(permit, path):
        return None
    shown = tells(may_tell(permit, path))
    found: list[Ranked] = []
    at: tuple[int, str] = (_MOST, _HIGHEST)
    for _ in range(_PAGES):
        rows = await reader.all(ranking_store.TOP_TAGS, path=path, pulls=at[0], name=at[1], limit=_PAGE)
        if not rows:
            return None
        rows = [each for each in rows if each.name]
        found += [_ranked(each, path) for each in rows if each.pulls and shown(each.name)]
        if len(found) >= limit or len(rows) < _PAGE or not rows[-1].pulls:
            break
        at = (rows[-1].pulls, rows[-1].name)
    return found[:limit]


async def _few(reader: Reader, path: str) -> list[ranking_store.TopRow] | None:
    """The repositories below a path, None when they are many."""
    found: list[ranking_store.TopRow] = []
    for span in below(path):
        found += await reader.all(ranking_store.WITHIN, low=span.low, high=span.high, limit=_FEW + 1)
        if len(found) > _FEW:
            return None
    return found


async def _walk(reader: Reader, permit: PathPermit, path: str, limit: int) -> list[Ranked]:
    """Down from the most pulled of all."""
    found: list[Ranked] = []
    at = (_MOST, 0)
    for _ in range(_PAGES):
        rows = await reader.all(ranking_store.TOP, pulls=at[0], repo_id=at[1], limit=_PAGE)
        for each in rows:
            inside = not path or each.name.startswith(f"{path}/")
            if inside and each.pulls and may_tell(permit, each.name).everything:
                found.append(_ranked(each))
        if len(found) >= limit or len(rows) < _PAGE or not rows[-1].pulls:
            break
        at = (rows[-1].pulls, rows[-1].repo_id)
    return found[:limit]


async def _idle(  # noqa: PLR0917 - where, until when, and which page
    reader: Reader, permit: PathPermit, path: str, before: int, after: str, limit: int
) -> tuple[list[Idle], str | None]:
    found: list[Idle] = []
    for span in below(path) if path else (EVERYWHERE,):
        at = after
        for _ in range(_PAGES):
            rows = await reader.all(ranking_store.IDLE, after=at, low=span.low, high=span.high, limit=_PAGE)
            for row in rows:
                if len(found) == limit:
                    return found, found[-1].repository
                if _is_idle(row, before) and may_tell(permit, row.name).everything:
                    found.append(Idle(row.name, None, row.since, row.last_at or None, row.pulls_all))
            if len(rows) < _PAGE:
                break
            at = rows[-1].name
        else:
            return found, at
    return found, None


async def _idle_tags(  # noqa: PLR0917 - where, until when, and which page
    reader: Reader, permit: PathPermit, repository: store.RepositoryRow, before: int, after: str, limit: int
) -> tuple[list[Idle], str | None]:
    shown = tells(may_tell(permit, repository.path))
    found: list[Idle] = []
    at = after
    for _ in range(_PAGES):
        rows = await reader.all(ranking_store.IDLE_TAGS, repo_id=repository.id, after=at, limit=_PAGE)
        for row in rows:
            if len(found) == limit:
                return found, found[-1].tag
            if _is_idle(row, before) and shown(row.name):
                found.append(Idle(repository.path, row.name, row.since, row.last_at or None, row.pulls_all))
        if len(rows) < _PAGE:
            return found, None
        at = rows[-1].name
    return found, at


def _is_idle(row: ranking_store.IdleRow, before: int) -> bool:
    return row.since < before and row.last_at < before


def _ranked(row: ranking_store.TopRow, repository: str = "") -> Ranked:
    tag = row.name if repository else None
    return Ranked(repository or row.name, tag, row.pulls, row.pulls_all, row.last_at or None)
