"""Whether a tag that is wanted leads to content: through indexes and their children, manifests and their parts,
subjects and what refers to them, and tags that belong to a digest; now, or inside the history window.

Promises: exact, whatever the repository holds. The usual question takes a step or two up from the content, and a no
always takes five, so that what is hidden and what is not there cannot be told apart. Where very much keeps the content
(a base layer), a second walk comes down from the wanted tags: at most five statements for it all, bounded each. Where
very much is wanted as well, everything above is walked, in pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.model import PullPermit
from holdfast.db.port import Database, Reader
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, signed_digest
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.reach import store
from holdfast.registry.reach.leases import has_uploaded
from holdfast.registry.reach.spans import Wanted, allowed
from holdfast.registry.reach.walk import Question, everything_above, is_full, slots, step

_SAMPLE = 64
_MOST = 20_000
_STEPS = 5


class Target(NamedTuple):
    """Content of a repository."""

    repo_id: int
    content_id: int


NOTHING = Target(0, 0)
"""What to ask about when there is no such content: the answer is no, by the same statements."""


class Reach:
    """Who may read what by digest. `window`: how long history reaches back where no path says it, microseconds. `many`:
    so many keepers, or so many wanted tags, are looked at in one statement."""

    def __init__(self, db: Database, window: int, many: int = 500) -> None:
        self._db = db
        self._window = window
        self._many = many

    async def may_read(self, reader: Reader, permit: PullPermit, target: Target) -> bool:
        """Whether the permit's subject may read a manifest by its digest."""
        if permit.tags.everything:
            return True
        return await self.leads(reader, allowed(permit.tags), target, await self.since(reader, permit.repository))

    async def may_read_blob(self, reader: Reader, permit: PullPermit, target: Target) -> bool:
        """Whether it may read content as a blob: also what it uploaded itself, until the manifest of it is in."""
        if permit.tags.everything:
            return True
        if permit.may_push and await has_uploaded(reader, *target, permit.subject.id, self._db.now()):
            return True
        return await self.leads(reader, allowed(permit.tags), target, await self.since(reader, permit.repository))

    async def since(self, reader: Reader, repository: RepositoryName) -> int:
        """Since when what a tag of `repository` pointed to counts, microseconds."""
        return self.since_of(await effective(reader, repository.prefixes()))

    def since_of(self, held: Effective) -> int:
        """The same, where the settings of the repository are at hand."""
        return held.since(self._window, self._db.now())

    async def find(self, reader: Reader, repository: RepositoryName, digest: Digest) -> Target:
        """The ids of a repository, and of content that it may show; `NOTHING` when either is not there."""
        row = await reader.one(store.FOUND, path=repository, digest=digest)
        return Target(row.repo_id, row.content_id) if row is not None else NOTHING

    async def ids(self, reader: Reader, digests: Iterable[Digest]) -> dict[str, int]:
        """The ids of those of `digests` that are known, in whichever repository."""
        rows = await reader.all(store.BY_DIGEST, digests=sorted(digests))
        return {row.digest: row.id for row in rows}

    async def leads(self, reader: Reader, wanted: Wanted, target: Target, since: int, *, level: bool = False) -> bool:
        """Whether a wanted tag leads to `target`, or did after `since`. `level`: a yes goes through the same statements
        as a no."""
        if not wanted.spans:
            return False
        question = Question(reader, wanted, target.repo_id, since, self._many, reader is self._db)
        found, crowded = await _climb(question, target.content_id, level=level)
        if found or not crowded:
            return found
        found, sure = await _descend(question, target.content_id)
        return found or (not sure and await everything_above(question, target.content_id))


async def _climb(question: Question, start: int, *, level: bool) -> tuple[bool, bool]:
    """Whether a wanted tag was found on the way up; and whether more lies above than was looked at. Whatever ends with
    no, and is not crowded, took `_STEPS` steps, unless it lies deeper than anything usual."""
    seen = {start}
    ids = {start}
    found = crowded = False
    steps = 0
    while ids or (steps < _STEPS and not crowded):
        here = await step(question, ids)
        steps += 1
        found = found or here.found
        if found and not level:
            return True, crowded
        ids = set() if found else here.above - seen
        seen |= ids
        if not found and (here.full or len(seen) > question.many):
            # A look at a few of them, for most of those that a base layer is under may be wanted; then from above.
            ids = set() if crowded else set(sorted(ids)[:_SAMPLE])
            crowded = True
    return found, crowded


async def _descend(question: Question, target: int) -> tuple[bool, bool]:
    """Whether a wanted tag leads down to `target`; and if not, whether that is sure."""
    rows = await question.reader.all(
        store.ROOTS, repo_id=question.repo_id, limit=question.many, **slots(question.wanted)
    )
    ids = {row.id for row in rows if row.branch and _counts(question, row)}
    # Tags that belong to a digest lead to something as well, and are not followed down.
    sure = all(row.branch for row in rows) and not is_full(question, [row.branch for row in rows])
    seen = set(ids)
    while True:
        below = await question.reader.all(
            store.DOWN, repo_id=question.repo_id, content_id=target, ids=sorted(ids), most=_MOST
        )
        if target in ids or any(row.branch == 0 for row in below):
            return True, True
        sure = sure and all(row.id < _MOST for row in below if row.branch == 2)
        ids = {row.id for row in below if row.branch == 1} - seen
        seen |= ids
        if not ids:
            return False, sure
        if len(seen) > _MOST:
            return False, False


def _counts(question: Question, row: store.RootRow) -> bool:
    """Whether a way begins at this tag, or began there inside the window."""
    if row.ended and row.ended <= question.since:
        return False
    return signed_digest(row.name) is None and question.wanted.matches(row.name)
