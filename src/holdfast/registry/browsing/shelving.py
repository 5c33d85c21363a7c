"""Looking up once what lists need of each manifest: how large it is with all its parts, and for what platforms.

Promises: nothing of this happens while somebody pushes; whatever way a tag came by, it is looked at within a minute,
and those that were there before as well; until then a page looks itself, at the rows that it shows. What cannot be read
has no platform. Kill -9 anywhere repeats harmlessly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from holdfast.blobs.errors import BlobError, Corrupt
from holdfast.db.port import Database, Reader, Unit
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.image_config import is_image_config, parse_config, platform_of
from holdfast.oci.manifest import Kind
from holdfast.registry.browsing import store
from holdfast.registry.model import Segment, Stored
from holdfast.registry.objects import Objects
from holdfast.registry.store import SEGMENTS

T = TypeVar("T")
SHELVE = "fill-lists"
_TOGETHER = 200
_UNIT = 50
_DEEP = 4
_MOST_PLATFORMS = 64
_LONGEST = 64
_LARGEST = 1 << 20
"""Bytes of a configuration that is read."""


class Shelved(NamedTuple):
    """What was looked up of a manifest: bytes of all its parts, each once; its platforms, as it lists them."""

    total: int
    platforms: tuple[str, ...]


class Shelving:
    """Looks manifests up."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    async def knowing(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, once more where it met a content key that another node has made since."""
        return await self._objects.knowing(work)

    async def look(self, reader: Reader, repo_id: int, ids: Iterable[int]) -> dict[int, Shelved]:
        """What there is to know of these manifests of a repository, without reading from the store of blobs."""
        rows = await reader.all(store.MANIFESTS, repo_id=repo_id, ids=sorted(ids))
        totals = await self._totals(reader, repo_id, {row.id: row.size for row in rows})
        platforms, configs = self._listed(rows)
        if configs:
            wanted = sorted(set(configs.values()))
            found = await reader.all(store.CONFIGS, repo_id=repo_id, digests=wanted)
            said = {row.digest: self._config(row) for row in found if row.bytes is not None}
            platforms.update({id: said.get(digest, ()) for id, digest in configs.items()})
        return {row.id: Shelved(totals[row.id], platforms.get(row.id, ())) for row in rows}

    async def run(self) -> int:
        """Look at all that nobody has looked at; returns how many tags that were. Raises `DatabaseError`."""
        done, repo_id, name = 0, 0, ""
        while rows := await self._db.all(store.UNSIZED, repo_id=repo_id, name=name, limit=_TOGETHER):
            repo_id, name = rows[-1].repo_id, rows[-1].name
            by_repository: dict[int, list[store.TagRow]] = {}
            for row in rows:
                by_repository.setdefault(row.repo_id, []).append(row)
            for id, tags in by_repository.items():
                for first in range(0, len(tags), _UNIT):
                    done += await self._shelve(id, tags[first : first + _UNIT])
        return done

    async def _shelve(self, repo_id: int, tags: Sequence[store.TagRow]) -> int:
        ids = {tag.content_id for tag in tags}
        known = await self._objects.knowing(lambda: self.look(self._db, repo_id, ids))
        distant = await self._distant(repo_id, [id for id, found in known.items() if not found.platforms])
        known |= {id: known[id]._replace(platforms=platforms) for id, platforms in distant.items()}

        async def write(unit: Unit) -> None:
            await unit.one(store.HOLD, repo_id=repo_id)
            for id in sorted(ids):
                total, platforms = known.get(id, Shelved(0, ()))
                await unit.run(
                    store.SET_TOTAL, repo_id=repo_id, content_id=id, total=total, platforms=platforms_text(platforms)
                )
            for tag in sorted(tags):
                size = known[tag.content_id].total if tag.content_id in known else 0
                await unit.run(store.SET_SIZE, repo_id=repo_id, name=tag.name, content_id=tag.content_id, size=size)

        await self._db.write(write)
        return len(tags)

    async def _totals(self, reader: Reader, repo_id: int, own: Mapping[int, int]) -> dict[int, int]:
        """The bytes of manifests with all their parts, each part once."""
        rows = await reader.all(store.PARTS, repo_id=repo_id, ids=sorted(own), deep=_DEEP)
        totals = dict(own)
        for owner, part, size in {(row.owner_id, row.id, row.size) for row in rows}:
            totals[owner] += size if part != owner else 0
        return totals

    def _listed(self, rows: Iterable[store.BodyRow]) -> tuple[dict[int, tuple[str, ...]], dict[int, str]]:
        """The platforms that indexes list, and the configurations that say those of images."""
        platforms: dict[int, tuple[str, ...]] = {}
        configs: dict[int, str] = {}
        for row in rows:
            try:
                data = self._objects.open(row.wrapped_key, row.digest, row.bytes)
                if row.kind == Kind.INDEX:
                    platforms[row.id] = _of_index(data)
                    continue
                config = oci_manifest.parse(data, row.media_type).config
            except (Corrupt, ManifestInvalid):
                continue
            if config is not None and is_image_config(config.media_type):
                configs[row.id] = config.digest
        return platforms, configs

    def _config(self, row: store.BlobRow) -> tuple[str, ...]:
        try:
            return _of_config(self._objects.open(row.wrapped_key, row.digest, row.bytes or b""))
        except Corrupt:
            return ()

    async def _distant(self, repo_id: int, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The platforms of images whose configurations lie in the store of blobs."""
        if not ids:
            return {}
        rows = await self._db.all(store.MANIFESTS, repo_id=repo_id, ids=sorted(ids))
        _, configs = self._listed(rows)
        found: dict[int, tuple[str, ...]] = {}
        blobs = await self._db.all(store.CONFIGS, repo_id=repo_id, digests=sorted(set(configs.values())))
        by_digest = {row.digest: row for row in blobs if row.bytes is None and row.size <= _LARGEST}
        for id, digest in configs.items():
            if (row := by_digest.get(digest)) is None:
                continue
            segments = (
                (Segment(row.key, row.size),)
                if row.key is not None
                else tuple(Segment(each.key, each.size) for each in await self._db.all(SEGMENTS, id=row.id))
            )
            try:
                found[id] = _of_config(
                    await self._objects.read(Stored(segments, row.wrapped_key, row.digest), 0, row.size)
                )
            except BlobError:
                continue
        return found


def platforms_text(platforms: Iterable[str]) -> str:
    """Platforms as they stand in a row, each between spaces."""
    found = [each[:_LONGEST] for each in dict.fromkeys(platforms) if " " not in each and "\0" not in each]
    return f" {' '.join(found[:_MOST_PLATFORMS])} " if found else ""


def _of_config(data: bytes) -> tuple[str, ...]:
    config = parse_config(data)
    return (str(config.platform),) if config is not None and config.platform.known else ()


def _of_index(data: bytes) -> tuple[str, ...]:
    entries: list[dict[str, Any]] = decode(data).get("manifests") or []
    found = (platform_of(each["platform"]) for each in entries if isinstance(each.get("platform"), dict))
    return tuple(dict.fromkeys(str(each) for each in found if each.known))
