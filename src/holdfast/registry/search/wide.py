"""Search for who may see everything: by indexes over the whole registry, in the order of what is searched for."""

from __future__ import annotations

from holdfast.db.port import Reader
from holdfast.registry.search import store
from holdfast.registry.search.model import Asked, Hit, Kind, Match
from holdfast.registry.search.scanning import Key, Page, Walked, walk

_MOST_DIGESTS = 100
_MOST_UNNAMED = 100


class Wide:
    """One search over everything."""

    def __init__(self, reader: Reader, asked: Asked) -> None:
        self._reader = reader
        self._asked = asked

    async def find(self, kind: Kind, page: Page, after: Key) -> Walked:
        """Hits of one kind after the key `after` (() at the beginning). Raises `ValueError` when it is no key."""
        if kind is Kind.REPOSITORY:
            return await self._repositories(page, after)
        if kind is Kind.TAG:
            return await self._tags(page, after)
        if kind is Kind.DIGEST:
            return await self._digests(page, after)
        return await self._terms(kind, page, after)

    async def _repositories(self, page: Page, after: Key) -> Walked:
        asked = self._asked
        if asked.match is Match.SUBSTRING:
            first = str(after[0]) if after else ""
            return await walk(
                page,
                (first,),
                lambda key, limit: self._reader.all(
                    store.REPOSITORIES, low=f"{key[0]}\x01" if key[0] else "", high="\x7f", limit=limit
                ),
                lambda row: (row.path,),
                lambda row: _repository(row.path) if asked.name_matches(row.path) else None,
            )
        if not after:  # what was made since names were filled in last stands first
            fresh = await self._reader.all(store.UNNAMED, limit=_MOST_UNNAMED)
            page.hits.extend(_repository(row.path) for row in fresh if asked.name_matches(row.path))
        low, high = asked.range_of(asked.folded)
        return await walk(
            page,
            after or ("", 0),
            lambda key, limit: self._reader.all(
                store.SUFFIXES, low=low, high=high, last=key[0], after=key[1], limit=limit
            ),
            lambda row: (row.suffix, row.id),
            lambda row: _repository(row.path) if _ends(row.path, row.suffix) else None,
        )

    async def _tags(self, page: Page, after: Key) -> Walked:
        asked = self._asked
        low, high = asked.range_of(asked.text)
        return await walk(
            page,
            after or ("", 0),
            lambda key, limit: self._reader.all(store.TAGS, low=low, high=high, last=key[0], after=key[1], limit=limit),
            lambda row: (row.name, row.id),
            lambda row: (
                Hit(Kind.TAG, row.path, row.name, row.name, row.digest)
                if asked.tag_matches(row.name) and asked.is_within(row.path)
                else None
            ),
        )

    async def _digests(self, page: Page, after: Key) -> Walked:
        """By content, then by repository: few digests begin alike, one may be in very many repositories."""
        ids = await found_digests(self._reader, self._asked)
        content, repo = (int(after[0]), int(after[1])) if after else (0, 0)
        for content_id in sorted(each for each in ids if each >= content):
            walked = await walk(
                page,
                (repo if content_id == content else 0,),
                lambda key, limit, content_id=content_id: self._reader.all(  # type: ignore[misc]
                    store.CONTENT, content_id=content_id, after=key[0], limit=limit
                ),
                lambda row: (row.id,),
                lambda row: (
                    Hit(Kind.DIGEST, row.path, row.media_type or "blob", None, row.digest)
                    if self._asked.is_within(row.path)
                    else None
                ),
            )
            if walked.after is not None:
                return Walked((content_id, *walked.after))
        return Walked(None)

    async def _terms(self, kind: Kind, page: Page, after: Key) -> Walked:
        asked = self._asked
        low, high = asked.range_of(asked.folded)
        return await walk(
            page,
            after or ("", 0, 0),
            lambda key, limit: self._reader.all(
                store.TERMS,
                field=str(kind),
                low=low,
                high=high,
                last=key[0],
                after=key[1],
                after_id=key[2],
                limit=limit,
            ),
            lambda row: (row.term, row.id, row.content_id),
            lambda row: (
                Hit(kind, row.path, row.said, None, row.digest) if asked.said_matches(row.term, row.said) else None
            ),
        )


async def found_digests(reader: Reader, asked: Asked) -> list[int]:
    """The ids of content whose digest begins as asked, a bounded number."""
    ids: list[int] = []
    for low, high in asked.digests():
        rows = await reader.all(store.DIGESTS, low=low, high=high, limit=_MOST_DIGESTS)
        ids += [row.id for row in rows]
    return ids


def _repository(path: str) -> Hit:
    return Hit(Kind.REPOSITORY, path, path)


def _ends(path: str, suffix: str) -> bool:
    """Whether the repository is called so still."""
    return path == suffix or path.endswith("/" + suffix)
