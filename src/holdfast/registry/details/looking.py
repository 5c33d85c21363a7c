"""The use-case of the page of an artifact: what is in it, and beside it only what the page shows.

Promises, as those of `Artifacts`: who may pull a reference sees what is inside it, nobody else learns that it is there.
Who else has a layer is told of this repository to who may pull all of it, and of others only where the caller may pull
all of them; who pushed, to who may know who changes things there. A page takes few statements, and their number does
not grow with what is in the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.access.model import PathPermit, PullPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import prove
from holdfast.db.port import Database, Reader
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Descriptor
from holdfast.oci.name import Tag, signed_digest
from holdfast.registry.details import store
from holdfast.registry.details.graph import (
    Belonging,
    ReferrerPage,
    Referring,
    belonging,
    predicates,
    referrers_after,
    referring,
)
from holdfast.registry.details.model import MOST_TAGS, ArtifactKind, Image, Part
from holdfast.registry.details.opening import Opened, Opening, image_of, parsed
from holdfast.registry.details.service import Named, parts_of
from holdfast.registry.errors import ManifestUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.reach.showing import knows_who, reading_in
from holdfast.registry.settings import RegistrySettings

MOST_SHARING = 100
"""So many other images that have a layer are counted."""
MOST_PLACES = 40
"""So many repositories that have a layer are looked at."""
_LOOKED_AT = 1_000


class Wish(NamedTuple):
    """What to look at beside the artifact itself. `config`: of the image, or whatever stands in its place; `sharing`:
    who else has its layers, those of `layers` (a span of their numbers); `referrers`: what refers to it, and where
    that is too much, or `after` a cursor, a page of what refers to it itself (or to the image of the platform that is
    asked for)."""

    config: bool = False
    sharing: bool = False
    layers: tuple[int, int] = (0, 200)
    referrers: bool = False
    after: int = 0
    limit: int = 50


class Sharing(NamedTuple):
    """Who else has a layer: so many other images of the repository, of at most `MOST_SHARING`, None where that is not
    told; and so many other repositories that the caller may pull all of."""

    images: int | None
    repositories: int


class Push(NamedTuple):
    """When a tag came to where it is, and who brought it; None: that is not told, or not known any more."""

    at: int
    actor: str | None


class Looked(NamedTuple):
    """An artifact as its page shows it. `named`: the image that is shown in an index, else the artifact itself, with
    its parsed and its written form (None where an index has none for the platform); `config` is as it is written;
    `sharing` by digest; `stated`: what attestations that lie in an index state, by digest; `pushed`: of the tag."""

    repository: str
    opened: Opened
    pushed_at: int
    pushed: Push | None
    tags: tuple[str, ...]
    more_tags: bool
    total: int | None
    parts: tuple[Part, ...]
    named: Opened | None
    image: Image | None
    config: bytes | None
    sharing: Mapping[str, Sharing]
    referring: Referring | None
    page: ReferrerPage | None
    stated: Mapping[str, tuple[str, ...]]

    @property
    def digest(self) -> Digest:
        """Of the artifact."""
        return self.opened.stored.digest

    @property
    def kind(self) -> ArtifactKind:
        """What the artifact is."""
        return self.opened.kind

    @property
    def files(self) -> tuple[Descriptor, ...]:
        """What an artifact that is no image is made of."""
        return self.named.manifest.layers if self.named is not None else ()


class _Beside(NamedTuple):
    """What the tables say of an artifact."""

    target: store.TargetRow
    belongs: Belonging
    tags: list[str]
    more_tags: bool
    pushed: Push | None
    sharing: dict[str, Sharing]
    referring: Referring | None
    page: ReferrerPage | None
    stated: dict[str, tuple[str, ...]]


class Looking:
    """Looking at artifacts. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._opening = Opening(db, objects, settings)

    async def look(self, permit: PathPermit, named: Named, platform: str | None, wish: Wish) -> Looked:
        """An artifact; of an index with the image for `platform` (None: the usual one).

        Raises `RepositoryUnknown`, `ManifestUnknown`, `Denied`, `Invalid` (there is no such platform), `StalePermit`.
        """
        reading = reading_in(permit, named.repository)
        opened = await self._opening.open(reading, named.reference)
        inside = await self._opening.within(reading, opened, platform)
        config = image = None
        if inside is not None and (wish.config or wish.sharing):
            whatever = inside[0].kind is not ArtifactKind.IMAGE
            config = await self._opening.config(reading, inside[0].manifest, whatever=whatever)
        if inside is not None:
            image = image_of(inside[0], None if config is None else parsed(config), inside[1])
        first, last = wish.layers
        layers = [str(each.digest) for each in image.layers[first:last]] if image is not None and wish.sharing else []
        about = str((opened if platform is None or inside is None else inside[0]).stored.digest)
        beside = await self._objects.knowing(
            lambda: self._db.snapshot(
                lambda reader: self._beside(reader, permit, reading, named.reference, opened, wish, layers, about)
            )
        )
        return Looked(
            repository=named.repository,
            opened=opened,
            pushed_at=beside.target.put_at,
            pushed=beside.pushed,
            tags=tuple(beside.tags),
            more_tags=beside.more_tags,
            total=sum(beside.belongs.sizes.values()) if beside.belongs.whole else None,
            parts=tuple(parts_of(opened.listed, beside.belongs)),
            named=inside[0] if inside is not None else None,
            image=image,
            config=config,
            sharing=beside.sharing,
            referring=beside.referring,
            page=beside.page,
            stated=beside.stated,
        )

    async def blob(self, permit: PathPermit, named: Named, digest: Digest, most: int) -> bytes | None:
        """A blob of an artifact, of at most so many bytes; None: it is larger. Raises as `look`, and `BlobUnknown`."""
        return await self._opening.blob(reading_in(permit, named.repository), digest, most)

    async def _beside(  # noqa: PLR0917 - what a page shows
        self,
        reader: Reader,
        permit: PathPermit,
        reading: PullPermit,
        reference: Tag | Digest,
        opened: Opened,
        wish: Wish,
        layers: Sequence[str],
        about: str,
    ) -> _Beside:
        stored = opened.stored
        target = await reader.one(store.TARGET, path=reading.repository, digest=stored.digest)
        if target is None:
            raise ManifestUnknown("this repository has no such manifest", reference=stored.digest)
        prove(reading, target.version, target.repo_id)
        belongs = await belonging(reader, target.repo_id, target.content_id, stored.digest, stored.size)
        tags, more = await _tags(reader, reading, target)
        by = reference if not isinstance(reference, Digest) else (tags[0] if tags else None)
        pushed = await _pushed(reader, permit, reading, target.repo_id, by) if by is not None else None
        sharing = await _sharing(reader, permit, reading, target.repo_id, belongs, layers) if layers else {}
        refers = page = None
        stated: dict[str, tuple[str, ...]] = {}
        if wish.referrers:
            denied = reading.tags.deny
            if not wish.after:
                refers = await referring(
                    reader,
                    self._objects,
                    target.repo_id,
                    belongs,
                    lambda name: any(glob.matches(name) for glob in denied),
                )
            if refers is None or refers.more:
                page = await referrers_after(
                    reader, self._objects, target.repo_id, _subject(belongs, about), wish.after, wish.limit
                )
            proofs = {each.digest for each in opened.listed if each.attests is not None}
            ids = {id_: digest for id_, digest in belongs.manifests.items() if digest in proofs}
            stated = await predicates(reader, self._objects, ids)
        return _Beside(target, belongs, tags[:MOST_TAGS], more, pushed, sharing, refers, page, stated)


def _subject(belongs: Belonging, digest: str) -> tuple[int, str]:
    """The manifest of an artifact that has this digest."""
    return next(
        (each for each in belongs.manifests.items() if each[1] == digest), next(iter(belongs.manifests.items()))
    )


async def _tags(reader: Reader, reading: PullPermit, target: store.TargetRow) -> tuple[list[str], bool]:
    """The tags on an artifact that may be told, and whether there may be more."""
    limit = 2 * MOST_TAGS if reading.listing.everything else _LOOKED_AT
    rows = await reader.all(store.TAGS_ON, repo_id=target.repo_id, content_id=target.content_id, last="", limit=limit)
    names = [row.name for row in rows if signed_digest(row.name) is None and reading.listing.allows(row.name)]
    return names, len(names) > MOST_TAGS or len(rows) == limit


async def _pushed(reader: Reader, permit: PathPermit, reading: PullPermit, repo_id: int, tag: str) -> Push | None:
    row = await reader.one(store.LAST_PUSH, repo_id=repo_id, name=tag)
    if row is None:
        return None
    return Push(row.at, row.actor if knows_who(permit, reading.repository) else None)


async def _sharing(  # noqa: PLR0917 - what sharing is told by
    reader: Reader,
    permit: PathPermit,
    reading: PullPermit,
    repo_id: int,
    belongs: Belonging,
    layers: Sequence[str],
) -> dict[str, Sharing]:
    """Who else has each of these layers, as far as the caller may know."""
    rows = await reader.all(
        store.SHARING,
        repo_id=repo_id,
        digests=sorted(set(layers)),
        keepers=sorted(belongs.manifests),
        limit=MOST_SHARING,
    )
    seen: dict[str, bool] = {}
    places: dict[int, int] = {}
    ids = [row.id for row in rows]
    for row in await reader.all(store.PLACES, ids=ids, repo_id=repo_id, limit=MOST_PLACES):
        paths = (row.paths or "").split()
        for path in paths:
            if path not in seen:
                seen[path] = permit.shows(path) and permit.tags(Action.PULL, path).everything
        places[row.id] = sum(map(seen.__getitem__, paths))
    own = reading.tags.everything
    return {row.digest: Sharing(row.images if own else None, places.get(row.id, 0)) for row in rows}
