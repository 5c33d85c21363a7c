"""The orders of tags: which statement walks each, and where in it a tag stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.access.errors import Invalid
from holdfast.db.port import Reader
from holdfast.db.query import Query
from holdfast.oci.version import version_key
from holdfast.registry.browsing import store
from holdfast.registry.browsing.model import Key, TagSort
from holdfast.registry.browsing.store import KeyRow
from holdfast.registry.browsing.walking import Fetch, Order

_ABOVE = "\x7f"
_LAST = (1 << 63) - 1
_STATEMENTS: dict[TagSort, tuple[Query[KeyRow], Query[KeyRow]]] = {
    TagSort.VERSION: (store.BY_VERSION, store.BY_VERSION_DOWN),
    TagSort.PUSHED: (store.BY_PUSH, store.BY_PUSH_DOWN),
    TagSort.PULLED: (store.BY_PULL, store.BY_PULL_DOWN),
    TagSort.SIZE: (store.BY_SIZE, store.BY_SIZE_DOWN),
}
_KEYS: dict[TagSort, Callable[[KeyRow], Key]] = {
    # The key of a version is told by the name, so that places stay short.
    TagSort.VERSION: lambda row: (row.name,),
    TagSort.NAME: lambda row: (row.name,),
    TagSort.PUSHED: lambda row: (row.seq, row.name),
    TagSort.PULLED: lambda row: (row.pulled_at, row.name),
    TagSort.SIZE: lambda row: (row.size, row.name),
}


def place_key(sort: TagSort) -> Callable[[KeyRow], Key]:
    """What a place of the order says of a tag."""
    return _KEYS[sort]


def sort_key(sort: TagSort) -> Callable[[KeyRow], Key]:
    """By what tags are sorted."""
    return (lambda row: (row.version_key, row.name)) if sort is TagSort.VERSION else _KEYS[sort]


def sort_key_of(sort: TagSort, place: Key) -> Key:
    """By what the tag of a place is sorted; a version may be told by a name and a bound. Raises `Invalid`."""
    kinds: tuple[type, ...] = (str,) if sort in (TagSort.VERSION, TagSort.NAME) else (int, str)
    if sort is TagSort.VERSION and len(place) == 2:
        kinds = (str, str)
    if len(place) != len(kinds) or not all(isinstance(one, kind) for one, kind in zip(place, kinds, strict=True)):
        raise Invalid("after", "this is no place of this list")
    if not all(isinstance(each, str) or -1 <= each <= _LAST for each in place):
        raise Invalid("after", "this is no place of this list")
    return (version_key(str(place[0])), place[-1]) if sort is TagSort.VERSION else place


def order_of(
    reader: Reader, repo_id: int, sort: TagSort, prefix: str = "", places: tuple[int, int] = (-2, _LAST)
) -> Order[KeyRow]:
    """The order of the tags of a repository by `sort`; by name, only of those that begin with `prefix`; by push, of
    those that were put after and up to these places in its history."""
    if sort is TagSort.NAME:
        return Order(_by_name(reader, repo_id, prefix), _KEYS[sort])

    async def fetch(at: Key | None, limit: int, down: bool) -> Sequence[KeyRow]:
        key, name = _first(sort, places, down=down) if at is None else sort_key_of(sort, at)
        return await reader.all(_STATEMENTS[sort][down], repo_id=repo_id, key=key, name=name, limit=limit)

    return Order(fetch, _KEYS[sort])


def _first(sort: TagSort, places: tuple[int, int], *, down: bool) -> Key:
    """What comes before all there is."""
    if sort is TagSort.VERSION:
        return (_ABOVE, _ABOVE) if down else ("", "")
    if sort is TagSort.PUSHED:
        return (places[1], _ABOVE) if down else (places[0], _ABOVE)
    return (_LAST, _ABOVE) if down else (-2, "")


def _by_name(reader: Reader, repo_id: int, prefix: str) -> Fetch[KeyRow]:
    async def fetch(at: Key | None, limit: int, down: bool) -> Sequence[KeyRow]:
        # The first name of the prefix is itself; nothing sorts between it and what is cut off its end.
        low, high = prefix[:-1] + chr(ord(prefix[-1]) - 1) + _ABOVE if prefix else "", prefix + _ABOVE
        name = str(sort_key_of(TagSort.NAME, at)[0]) if at is not None else None
        if name is not None and down:
            high = min(high, name)
        elif name is not None:
            low = max(low, name)
        statement = store.BY_NAME_DOWN if down else store.BY_NAME
        return await reader.all(statement, repo_id=repo_id, low=low, high=high, limit=limit)

    return fetch
