"""The use-cases of edits: an image with other annotations, an index over images that are here.

Promises: what is made is a new manifest beside the old one, written once as canonical JSON (keys sorted, no blanks) and
stored by the way of every push, with the rights of the pull and of the push that it stands for; the old digest stays
pullable while its history is kept. A tag that moved since it was read is not moved back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.model import PathPermit, PullPermit
from holdfast.db.port import Database
from holdfast.oci import manifest as oci_manifest
from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.document import decode
from holdfast.oci.image_config import MAX_BYTES, Platform, is_image_config, parse_config, platform_of
from holdfast.oci.manifest import Kind, Manifest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import ManifestPut, Push
from holdfast.registry.reach.showing import reading_in, writing_in
from holdfast.registry.settings import RegistrySettings

MOST_PARTS = 500
_PIECE = 1 << 20
_WITHOUT_ANNOTATIONS = frozenset({mediatype.DOCKER_MANIFEST, mediatype.DOCKER_LIST})


class Annotate(NamedTuple):
    """Set and remove annotations of `reference`; `tag`: what the result is called, None: as the reference, if that is
    a tag. `still`: what that tag, where it is there, must point to still, None: what the reference was read as, if that
    is the tag."""

    repository: RepositoryName
    reference: Tag | Digest
    put: Mapping[str, str]
    remove: Sequence[str] = ()
    tag: Tag | None = None
    still: Digest | None = None


class MakeIndex(NamedTuple):
    """Make an index over `parts`, called `tag`; of an index among them its parts are taken."""

    repository: RepositoryName
    tag: Tag
    parts: Sequence[Tag | Digest]
    annotations: Mapping[str, str]


class Edited(NamedTuple):
    """What was made: its digest, what it was made of (for an index: nothing), the tag that it has now, and the
    platforms of an index."""

    digest: Digest
    was: Digest | None
    tag: Tag | None
    size: int
    platforms: tuple[str, ...] = ()


class Editing:
    """Editing images. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._pull = Pull(db, objects, settings)
        self._push = Push(db, objects, settings)

    async def annotate(self, permit: PathPermit, wanted: Annotate) -> Edited:
        """Make the same image or index with other annotations.

        Raises `RepositoryUnknown`, `ManifestUnknown`, `Denied`, `Invalid`, `ManifestInvalid` (oci), `Changed`, and what
        else a push raises.
        """
        reading, writing = reading_in(permit, wanted.repository), writing_in(permit, wanted.repository)
        found = await self._pull.manifest(reading, wanted.reference)
        if found.media_type.lower() in _WITHOUT_ANNOTATIONS:
            raise Invalid(
                "reference",
                "manifests of Docker's own type have no annotations: push the image as OCI (skopeo copy --format oci)",
            )
        data = _annotated(found.data, wanted.put, wanted.remove)
        own = wanted.reference if not isinstance(wanted.reference, Digest) else None
        tag = wanted.tag or own
        expected = wanted.still or (found.digest if tag is not None and tag == own else None)
        put = ManifestPut(data, found.media_type, None, (tag,) if tag is not None else (), expected)
        pushed = await self._push.manifest(writing, put)
        return Edited(pushed.digest, found.digest, tag, len(data))

    async def put_back(
        self, permit: PathPermit, repository: RepositoryName, tag: Tag, to: Digest, still: Digest
    ) -> None:
        """Let a tag that points to `still` point to `to` again. Raises as `annotate` does."""
        reading, writing = reading_in(permit, repository), writing_in(permit, repository)
        found = await self._pull.manifest(reading, to)
        await self._push.manifest(writing, ManifestPut(found.data, found.media_type, to, (tag,), still))

    async def index(self, permit: PathPermit, wanted: MakeIndex) -> Edited:
        """Make an index. The platforms come from the configurations of the images.

        Raises as `annotate` does, and `Conflict` when two parts are for the same platform.
        """
        if not 1 <= len(wanted.parts) <= MOST_PARTS:
            raise Invalid("parts", f"an index is made of 1 to {MOST_PARTS} parts")
        reading, writing = reading_in(permit, wanted.repository), writing_in(permit, wanted.repository)
        parts: dict[str, dict[str, Any]] = {}
        for reference in wanted.parts:
            for descriptor in await self._descriptors(reading, reference):
                parts.setdefault(str(descriptor["digest"]), descriptor)
        platforms = _platforms(parts.values())
        document: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_INDEX,
            "manifests": list(parts.values()),
        }
        if wanted.annotations:
            document["annotations"] = dict(wanted.annotations)
        data = _canonical(document)
        pushed = await self._push.manifest(writing, ManifestPut(data, mediatype.OCI_INDEX, None, (wanted.tag,)))
        return Edited(pushed.digest, None, wanted.tag, len(data), platforms)

    async def _descriptors(self, reading: PullPermit, reference: Tag | Digest) -> list[dict[str, Any]]:
        """How an index lists the image `reference`; of an index, how it lists its own parts."""
        found = await self._pull.manifest(reading, reference)
        manifest = oci_manifest.parse(found.data, found.media_type)
        if manifest.kind is Kind.INDEX:
            listed: list[dict[str, Any]] = decode(found.data).get("manifests") or []
            return listed
        descriptor: dict[str, Any] = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
        if manifest.artifact_type is not None:
            descriptor["artifactType"] = manifest.artifact_type
        platform = await self._platform(reading, manifest)
        if platform is not None:
            descriptor["platform"] = platform.document()
        return [descriptor]

    async def _platform(self, reading: PullPermit, manifest: Manifest) -> Platform | None:
        """The platform of an image, None where its configuration tells none."""
        config = manifest.config
        if config is None or not is_image_config(config.media_type) or config.size > MAX_BYTES:
            return None
        blob = await self._pull.blob(reading, config.digest)
        pieces = [
            await self._pull.read(reading, blob, start, min(start + _PIECE, blob.size))
            for start in range(0, blob.size, _PIECE)
        ]
        parsed = parse_config(b"".join(pieces))
        return parsed.platform if parsed is not None and parsed.platform.known else None


def _annotated(data: bytes, put: Mapping[str, str], remove: Sequence[str]) -> bytes:
    """The manifest with other annotations; byte for byte the same when they are the same."""
    document = decode(data)
    before = document.get("annotations") or {}
    after = {name: text for name, text in before.items() if name not in set(remove)} | dict(put)
    if after == before:
        return data
    document.pop("annotations", None)
    return _canonical({**document, **({"annotations": after} if after else {})})


def _canonical(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _platforms(parts: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The platforms of an index. Raises `Conflict` when two parts have the same."""
    seen: dict[Platform, str] = {}
    for part in parts:
        platform = platform_of(part["platform"]) if isinstance(part.get("platform"), dict) else Platform()
        if not platform.known:
            continue
        if platform in seen:
            raise Conflict(
                f"two parts are for {platform}: {seen[platform]} and {part['digest']}; an index has one of each"
            )
        seen[platform] = str(part["digest"])
    return tuple(sorted(map(str, seen)))
