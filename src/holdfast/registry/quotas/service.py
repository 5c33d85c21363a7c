"""What a use-case asks when a repository comes to use more, in the unit that does it.

Promises: what is counted and what is asked is one step, so that nothing can grow unasked; every path on the way down
that has a quota is asked; counts are exact but for units that have not ended yet, and no row is locked for them: a
quota is exceeded by at most what is under way at that moment. Where no path has a quota the settings are read and
nothing else. That a quota is nearly used up is told once, and again when there was room meanwhile.
"""

from __future__ import annotations

from holdfast.access.model import PathPermit, Permit, PushPermit
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, note
from holdfast.registry.effective.service import Effective, effective, prefixes_of
from holdfast.registry.errors import QuotaExceeded
from holdfast.registry.quotas import store
from holdfast.registry.quotas.model import Counts, Limit, What, amount, limits, span, written
from holdfast.registry.store import USAGE, advance, find_or_make


async def used(reader: Reader, path: str) -> Counts:
    """What is used at and below `path` ('': by everything), exactly."""
    row = await reader.one(store.USED, **span(path)._asdict())
    return Counts(*row) if row is not None else Counts()


async def grow(
    unit: Unit, permit: Permit | PathPermit, repository: str, more: Counts, held: Effective | None = None
) -> None:
    """Count that `repository` uses so much more (or less). `held`: its settings, where they are at hand. Raises
    `QuotaExceeded`."""
    await unit.run(USAGE, path=repository, **more._asdict())
    await require(unit, permit, repository, more, held)


async def require(
    unit: Unit, permit: Permit | PathPermit, repository: str, more: Counts, held: Effective | None = None
) -> None:
    """Raise `QuotaExceeded` when `more`, which is counted in this unit already, is more than the quotas allow."""
    if max(more) <= 0:
        return
    for limit in limits(held if held is not None else await effective(unit, prefixes_of(repository))):
        coming = more.of(limit.what)
        if coming <= 0:
            continue
        standing = (await used(unit, limit.path)).of(limit.what)
        if standing > limit.most:
            raise await _refusal(unit, limit, standing - coming, coming)
        if limit.nearly(standing) and await unit.run(store.WARN, path=limit.path, what=str(limit.what)):
            await note(
                unit,
                ChangeKind.QUOTA_WARNED,
                actor=permit.subject.actor,
                origin=permit.origin,
                data={
                    "path": limit.path,
                    "quota": str(limit.what),
                    "limit": limit.most,
                    "used": standing,
                    "repository": repository,
                },
                path=limit.path,
            )


async def foresee(reader: Reader, repository: str, size: int, digest: str | None) -> None:
    """Raise `QuotaExceeded` when a blob of `size` bytes that is about to come has no room: before its bytes do.

    `digest` None: it is not known yet; then only what could never fit is refused, for it may be here already.
    """
    for limit in limits(await effective(reader, prefixes_of(repository))):
        if limit.what is not What.BYTES:
            continue
        if digest is None:
            if size > limit.most:
                raise await _refusal(reader, limit, (await used(reader, limit.path)).bytes, size)
            continue
        standing = (await used(reader, limit.path)).bytes
        if standing + size > limit.most:
            here = await reader.one(store.PRESENT, path=repository, digest=digest)
            if here is None or not here.present:
                raise await _refusal(reader, limit, standing, size)


async def place_of(unit: Unit, permit: PushPermit) -> int:
    """The id of the permit's repository, made if there is none; takes no place in its history. Raises `QuotaExceeded`,
    `Denied` when it would have to be made and may not, `StalePermit`."""
    found = await find_or_make(unit, permit)
    if found.made:
        await require(unit, permit, permit.repository, Counts(repositories=1))
    return found.id


async def make_and_advance(unit: Unit, permit: PushPermit) -> Place:
    """Like `advance`, making the repository first when there is none. Raises like `place_of`."""
    place = await advance(unit, permit)
    if place is None:
        await place_of(unit, permit)
        place = await advance(unit, permit)
    assert place is not None
    return place


async def _refusal(reader: Reader, limit: Limit, standing: int, coming: int) -> QuotaExceeded:
    """Says the limit, what is used, how much of that nothing but history keeps, and what drops it."""
    where = limit.path or "the whole registry"
    text = (
        f"the quota of {where} is used up: limit {amount(limit.what, limit.most)}, "
        f"used {amount(limit.what, standing)}, and this would add {amount(limit.what, coming)}"
    )
    detail: dict[str, object] = {
        "quota": str(limit.what),
        "path": limit.path,
        "limit": limit.most,
        "used": standing,
        "more": coming,
    }
    if limit.what is What.BYTES:
        figure = await reader.one(store.FIGURE, key=span(limit.path).key)
        if figure is not None and figure.history + figure.pending:
            command = f"holdfast collect --now --window 0 {limit.path or 'NAMESPACE'}"
            detail |= {"history": figure.history, "pending": figure.pending, "command": command}
            text += (
                f"; {written(figure.history)} of what was counted last is history that is kept for undoing, and "
                f"{written(figure.pending)} wait for collection: `{command}` drops them"
            )
    return QuotaExceeded(text, **detail)
