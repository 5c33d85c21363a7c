"""The use-cases of details: one artifact, and two compared.

Promises: who may pull a reference sees what is inside it, nobody else learns that it is there; what hangs on the rest
of the repository (what is shared) is told only to who may pull all of it; every list is bounded, and says so; texts of
configurations are texts, however they are meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit, PullPermit
from holdfast.access.standing import prove
from holdfast.db.port import Database, Reader
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind
from holdfast.oci.name import RepositoryName, Tag, signed_digest
from holdfast.registry.details import store
from holdfast.registry.details.differences import differences_of
from holdfast.registry.details.graph import Belonging, Referring, belonging, referring, shared_with_others
from holdfast.registry.details.layers import align
from holdfast.registry.details.model import MOST_TAGS, Compared, Comparison, Details, Image, Part
from holdfast.registry.details.opening import USUAL, Listed, Opened, Opening, parsed
from holdfast.registry.errors import ManifestUnknown
from holdfast.registry.model import StoredManifest
from holdfast.registry.objects import Objects
from holdfast.registry.reach.showing import reading_in
from holdfast.registry.settings import RegistrySettings

_LOOKED_AT = 1_000


class Named(NamedTuple):
    """An artifact by its repository and a reference."""

    repository: RepositoryName
    reference: Tag | Digest


class NoCommonPlatform(Conflict):
    """Two artifacts have no platform in common. `platforms`: of each, with the digests of its images."""

    def __init__(self, platforms: Sequence[Mapping[str, str]]) -> None:
        said = " and ".join(", ".join(each) or "none" for each in platforms)
        super().__init__(f"they have no platform in common: {said[:512]}")
        self.platforms = tuple(platforms)


class _Around(NamedTuple):
    """What the tables say of an artifact."""

    target: store.TargetRow
    belongs: Belonging
    shared: set[int] | None
    shared_digests: frozenset[str]
    tags: list[str]
    more_tags: bool
    referring: Referring


class Artifacts:
    """Telling of artifacts. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._opening = Opening(db, objects, settings)

    async def show(self, permit: PathPermit, named: Named, platform: str | None = None) -> Details:
        """Everything of one artifact; of an index with the image for `platform` (None: the usual one).

        Raises `RepositoryUnknown`, `ManifestUnknown`, `Denied`, `Invalid` (there is no such platform), `StalePermit`.
        """
        reading = reading_in(permit, named.repository)
        opened = await self._opening.open(reading, named.reference)
        image = await self._opening.chosen(reading, opened, platform)
        around = await self._objects.knowing(
            lambda: self._db.snapshot(lambda reader: self._around(reader, reading, opened.stored))
        )
        manifest, belongs = opened.manifest, around.belongs
        if image is not None and around.shared is not None:
            marked = tuple(each._replace(shared=each.digest in around.shared_digests) for each in image.layers)
            image = image._replace(layers=marked)
        return Details(
            repository=named.repository,
            digest=opened.stored.digest,
            media_type=opened.stored.media_type,
            kind=opened.kind,
            artifact_type=manifest.referrer_type if manifest.kind is Kind.IMAGE else manifest.artifact_type,
            subject=manifest.subject.digest if manifest.subject is not None else None,
            size=opened.stored.size,
            total=sum(belongs.sizes.values()) if belongs.whole else None,
            shared=sum(belongs.sizes[each] for each in around.shared) if around.shared is not None else None,
            pushed_at=around.target.put_at,
            annotations=manifest.annotations,
            tags=tuple(around.tags),
            more_tags=around.more_tags,
            parts=tuple(parts_of(opened.listed, belongs)),
            image=image,
            referrers=around.referring.found,
            more_referrers=around.referring.more,
        )

    async def compare(self, permit: PathPermit, a: Named, b: Named, platform: str | None = None) -> Comparison:
        """Two images compared; of indexes those for `platform` (None: one that both have).

        Raises as `show` does, and `NoCommonPlatform`.
        """
        readings = [reading_in(permit, each.repository) for each in (a, b)]
        opened = [
            await self._opening.open(reading, each.reference) for reading, each in zip(readings, (a, b), strict=True)
        ]
        if platform is None:
            platform = await self._common(readings, opened)
        images = []
        for reading, each in zip(readings, opened, strict=True):
            image = await self._opening.chosen(reading, each, platform)
            if image is None:
                raise Conflict(f"{each.stored.digest} holds no image to compare")
            images.append(image)
        sides = [
            Compared(each.repository, one.stored.digest, image.platform, image.digest, _size(image))
            for each, one, image in zip((a, b), opened, images, strict=True)
        ]
        annotations = [each.manifest.annotations for each in opened]
        return Comparison(
            sides[0],
            sides[1],
            align(images[0].layers, images[1].layers),
            differences_of(images[0].config, images[1].config, annotations[0], annotations[1]),
        )

    async def _around(self, reader: Reader, reading: PullPermit, stored: StoredManifest) -> _Around:
        target = await reader.one(store.TARGET, path=reading.repository, digest=stored.digest)
        if target is None:
            raise ManifestUnknown("this repository has no such manifest", reference=stored.digest)
        prove(reading, target.version, target.repo_id)
        repo_id, root = target.repo_id, target.content_id
        belongs = await belonging(reader, repo_id, root, stored.digest, stored.size)
        shared = None
        digests: frozenset[str] = frozenset()
        if reading.tags.everything:
            shared = await shared_with_others(reader, repo_id, belongs)
            digests = frozenset(row.digest for row in await reader.all(store.DIGESTS, ids=sorted(shared)))
        denied = reading.tags.deny
        refers = await referring(
            reader, self._objects, repo_id, belongs, lambda name: any(glob.matches(name) for glob in denied)
        )
        limit = 2 * MOST_TAGS if reading.listing.everything else _LOOKED_AT
        rows = await reader.all(store.TAGS_ON, repo_id=repo_id, content_id=root, last="", limit=limit)
        names = [row.name for row in rows if signed_digest(row.name) is None and reading.listing.allows(row.name)]
        more = len(names) > MOST_TAGS or len(rows) == limit
        return _Around(target, belongs, shared, digests, names[:MOST_TAGS], more, refers)

    async def _common(self, readings: Sequence[PullPermit], opened: Sequence[Opened]) -> str | None:
        """The platform to compare two for; None: neither is an index. Raises `NoCommonPlatform`."""
        if not any(each.manifest.kind is Kind.INDEX for each in opened):
            return None
        sets: list[dict[str, str]] = []
        for reading, each in zip(readings, opened, strict=True):
            if each.manifest.kind is Kind.INDEX:
                sets.append({str(one.platform): one.digest for one in each.listed if one.platform.known})
            else:
                config = parsed(await self._opening.config(reading, each.manifest))
                sets.append({str(config.platform): str(each.stored.digest)} if config is not None else {})
        both = [platform for platform in sets[0] if platform in sets[1]]
        if not both:
            raise NoCommonPlatform(sets)
        return USUAL if USUAL in both else both[0]


def parts_of(listed: Sequence[Listed], belongs: Belonging) -> list[Part]:
    """What an index lists, with sizes."""
    platforms = {each.digest: str(each.platform) for each in listed}
    sizes = belongs.sizes_of()
    return [
        Part(
            each.digest,
            each.media_type,
            str(each.platform),
            sizes.get(each.digest),
            platforms.get(each.attests, each.attests) if each.attests is not None else None,
        )
        for each in listed
    ]


def _size(image: Image) -> int:
    return sum({layer.digest: layer.size for layer in image.layers}.values())
