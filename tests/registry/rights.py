"""Rights on tags for tests of the registry, by the globs that people write."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.globs import TagGlob


def rights(*allow: str, deny: Sequence[str] = (), bound: Sequence[str] | None = None) -> TagRights:
    """What grants on `allow`, denies on `deny`, and a key's limits to `bound` (None: none) leave."""
    both = [tuple(map(TagGlob.parse, globs)) for globs in (allow, bound) if globs is not None]
    return TagRights(tuple(both), tuple(map(TagGlob.parse, deny)))
