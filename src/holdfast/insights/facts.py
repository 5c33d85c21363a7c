"""What has to be known of a batch of uses to count it: which repository, which manifest, which tags, which class.

Read in the unit that counts, seconds after the use; what changed in between is taken as it was then, by the history of
the tags. Every statement is about the whole batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.usage.classes import Declared
from holdfast.db.port import Reader
from holdfast.insights import store
from holdfast.oci.manifest import Kind
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.lastuse.classes import SUBJECT_CLASSES, declared

_DEEP = 4
_WERE = 2_000
_HIGHEST = "\x7f"
_Place = tuple[int, int]


class Span(NamedTuple):
    """A tag that led to a manifest from a time on, and until another one (None: still)."""

    name: str
    since: int
    until: int | None


class Facts:
    """What is known. `ids`: content by repository and digest; `kinds`: of that content."""

    def __init__(self) -> None:
        self.repositories: dict[str, list[store.RepositoryRow]] = {}
        self.ids: dict[tuple[int, str], int] = {}
        self.kinds: dict[_Place, Kind] = {}
        self._above: dict[_Place, set[int]] = {}
        self._spans: dict[_Place, list[Span]] = {}
        self._said: dict[str, str] = {}

    def repository(self, path: str, at: int) -> int | None:
        """The id of the repository that had a path at a time; None: there was none."""
        found = [row for row in self.repositories.get(path, ()) if row.gone_at is None or row.gone_at >= at]
        alive = [row for row in found if row.born <= at] or found
        return max(alive, key=lambda row: row.born).id if alive else None

    def is_index(self, repo_id: int, digest: str) -> bool:
        """Whether a manifest is an index."""
        content_id = self.ids.get((repo_id, digest))
        return content_id is not None and self.kinds[repo_id, content_id] is Kind.INDEX

    def tags(self, repo_id: int, digest: str, at: int) -> tuple[str, ...]:
        """The tags that led to a manifest at a time."""
        content_id = self.ids.get((repo_id, digest))
        if content_id is None:
            return ()
        found: set[str] = set()
        seen: set[int] = set()
        level = {content_id}
        while level:
            seen |= level
            for each in level:
                for span in self._spans.get((repo_id, each), ()):
                    if span.since <= at and (span.until is None or span.until >= at):
                        found.add(span.name)
            level = {above for each in level for above in self._above.get((repo_id, each), ())} - seen
        return tuple(sorted(found))

    def declared(self, path: str) -> tuple[Declared, ...]:
        """Who is declared to be of which class in a repository."""
        for prefix in reversed(prefixes_of(path)):
            if prefix in self._said:
                return declared(self._said[prefix])
        return ()

    async def read_places(self, reader: Reader, paths: Iterable[str], since: int) -> None:
        """Read the repositories of these paths, those that went since a time among them, and their settings."""
        names = sorted(set(paths))
        for row in await reader.all(store.REPOSITORIES, paths=names):
            self.repositories.setdefault(row.path, []).append(row)
        for row in await reader.all(store.GONE, paths=names, since=since):
            self.repositories.setdefault(row.path, []).append(row)
        above = sorted({prefix for name in names for prefix in prefixes_of(name)})
        for said in await reader.all(store.SETTINGS, paths=above, name=SUBJECT_CLASSES):
            self._said[said.path] = said.value

    async def read_manifests(self, reader: Reader, wanted: Iterable[tuple[int, str]]) -> None:
        """Read what these digests are in their repositories."""
        pairs = set(wanted)
        digests, ids = sorted({digest for _, digest in pairs}), sorted({repo_id for repo_id, _ in pairs})
        for row in await reader.all(store.MANIFESTS, digests=digests, ids=ids):
            if (row.repo_id, row.digest) in pairs:
                self.ids[row.repo_id, row.digest] = row.content_id
                self.kinds[row.repo_id, row.content_id] = Kind(row.kind)

    async def read_tags(self, reader: Reader, places: Iterable[_Place], since: int) -> None:
        """Read which tags lead to these manifests, or did since a time."""
        level = set(places)
        seen: set[_Place] = set()
        for _ in range(_DEEP):
            if not level:
                break
            seen |= level
            rows = json.dumps(sorted(level))
            for tag in await reader.all(store.TAGS, rows=rows, last=_HIGHEST):
                self._spans.setdefault((tag.repo_id, tag.content_id), []).append(Span(tag.name, tag.at, None))
            for was in await reader.all(store.WERE, rows=rows, since=since, limit=_WERE):
                span = Span(was.name, was.since, was.until)
                self._spans.setdefault((was.repo_id, was.content_id), []).append(span)
            above: set[_Place] = set()
            for parent in await reader.all(store.PARENTS, rows=rows):
                self._above.setdefault((parent.repo_id, parent.content_id), set()).add(parent.parent_id)
                above.add((parent.repo_id, parent.parent_id))
            level = above - seen
