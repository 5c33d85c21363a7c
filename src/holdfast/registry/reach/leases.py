"""What a subject may read or name because it put it there itself a moment ago, though no tag that it may pull leads to
it.

Promises: an upload lets its opener read the blob and name it in a manifest, until that manifest is in or the lease
ends. Putting a manifest lets its maker name it in an index, and put it again; uploading the bytes of a manifest does
not, for a manifest keeps more than its own bytes, and what it keeps was looked at only when it was put.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.db.port import Reader, Unit
from holdfast.registry.reach import store
from holdfast.registry.store import LEASE


async def has_uploaded(reader: Reader, repo_id: int, content_id: int, opener: int, now: int) -> bool:
    """Whether `opener` holds a live lease on a blob by an upload of it."""
    own = {"repo_id": repo_id, "content_id": content_id, "opener": opener, "now": now}
    return await reader.one(store.OWN_LEASE, **own) is not None


async def own(unit: Unit, repo_id: int, opener: int, digests: Iterable[str]) -> set[str]:
    """Those of `digests` that `opener` may name: blobs that it uploaded, manifests that it put."""
    rows = await unit.all(
        store.LEASED, repo_id=repo_id, digests=sorted(digests), opener=opener, maker=_maker(opener), now=unit.now
    )
    return {row.digest for row in rows}


async def keep_manifest(unit: Unit, repo_id: int, content_id: int, opener: int, lease: int) -> None:
    """A manifest was put by `opener`, who may name it for `lease` microseconds."""
    await unit.run(LEASE, repo_id=repo_id, content_id=content_id, opener=_maker(opener), due=unit.now + lease)


def _maker(opener: int) -> int:
    """Under what name leases on manifests are held: no upload has an opener below 0."""
    return ~opener
