"""Every object key that the database knows, in eight bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from holdfast.blobs.key import is_key

_SHARDS = 256


class KnownKeys:
    """A set of object keys that is filled first and asked afterwards.

    It keeps 64 of a key's 80 random bits, so it may take one key in 10^12 for another: then litter stays, and nothing
    is ever taken for litter that is not.
    """

    def __init__(self) -> None:
        self._shards = [array("Q") for _ in range(_SHARDS)]
        self._sorted = [False] * _SHARDS

    def add(self, key: str) -> None:
        """Learn a key; what has not the form of one is no object's."""
        if is_key(key):
            shard, rest = _split(key)
            self._shards[shard].append(rest)

    def __contains__(self, key: str) -> bool:
        shard, rest = _split(key)
        if not self._sorted[shard]:
            self._shards[shard] = array("Q", sorted(self._shards[shard]))
            self._sorted[shard] = True
        known = self._shards[shard]
        at = bisect_left(known, rest)
        return at < len(known) and known[at] == rest


def _split(key: str) -> tuple[int, int]:
    """The shard of a key (its last two digits), and the 64 bits before them."""
    return int(key[-2:], 16), int(key[-18:-2], 16)
