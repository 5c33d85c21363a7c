"""Opening artifacts: a manifest by its reference, what it lists, and the image in it with its configuration.

Promises: everything is read by the way of every pull, with the permit of who asks; a configuration is read within
bounds, or not at all; a manifest that an index only waits for opens as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PullPermit
from holdfast.db.port import Database
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import Digest
from holdfast.oci.document import decode
from holdfast.oci.image_config import (
    MAX_BYTES,
    UNKNOWN,
    ImageConfig,
    Platform,
    is_image_config,
    parse_config,
    platform_of,
)
from holdfast.oci.manifest import Kind, Manifest
from holdfast.oci.name import Tag
from holdfast.registry.details.layers import layers_of
from holdfast.registry.details.model import ArtifactKind, Image
from holdfast.registry.errors import ManifestUnknown
from holdfast.registry.model import StoredManifest
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.settings import RegistrySettings

USUAL = "linux/amd64"
"""The platform of an index that is shown when nobody asks for one."""
_PIECE = 1 << 20
_ATTESTS = "vnd.docker.reference.digest"


class Listed(NamedTuple):
    """A manifest that an index lists."""

    digest: str
    media_type: str
    platform: Platform
    attests: str | None


class Opened(NamedTuple):
    """A manifest that was pulled, parsed, and what it lists if it is an index."""

    stored: StoredManifest
    manifest: Manifest
    listed: tuple[Listed, ...]

    @property
    def kind(self) -> ArtifactKind:
        """What it is."""
        if self.manifest.kind is Kind.INDEX:
            return ArtifactKind.INDEX
        config = self.manifest.config
        image = config is not None and is_image_config(config.media_type)
        return ArtifactKind.IMAGE if image else ArtifactKind.ARTIFACT

    @property
    def platforms(self) -> dict[str, Listed]:
        """What an index lists for each platform that it names; the first of those with the same."""
        return {str(each.platform): each for each in reversed(self.listed) if each.platform.known}


class Opening:
    """Opens artifacts."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._pull = Pull(db, objects, settings)

    async def open(self, reading: PullPermit, reference: Tag | Digest) -> Opened:
        """The manifest that `reference` names. Raises `ManifestUnknown`, `Denied`, `StalePermit`."""
        stored = await self._pull.manifest(reading, reference)
        manifest = oci_manifest.parse(stored.data, stored.media_type)
        return Opened(stored, manifest, _listed(stored.data) if manifest.kind is Kind.INDEX else ())

    async def within(self, reading: PullPermit, opened: Opened, platform: str | None) -> tuple[Opened, str] | None:
        """The image to show: itself, or the one of an index for `platform` (None: the usual one), and that platform
        ('' of what is no index). None: there is none. Raises `Invalid`: there is no such platform."""
        if opened.manifest.kind is not Kind.INDEX:
            return opened, ""
        known = opened.platforms
        chosen = known.get(platform) if platform is not None else known.get(USUAL)
        if chosen is None and platform is None:
            chosen = next((each for each in opened.listed if each.platform.known), None)
        if chosen is None:
            if platform is None:
                return None
            said = ", ".join(sorted(known)) or "none"
            raise Invalid("platform", f"there is no image for {platform[:64]} in it; platforms: {said[:512]}")
        try:
            child = await self.open(reading, Digest.parse(chosen.digest))
        except ManifestUnknown:
            return None  # a sparse index waits for it
        return (child, str(chosen.platform)) if child.manifest.kind is not Kind.INDEX else None

    async def chosen(self, reading: PullPermit, opened: Opened, platform: str | None) -> Image | None:
        """The image to show, as `within` chooses it."""
        found = await self.within(reading, opened, platform)
        if found is None:
            return None
        return image_of(found[0], parsed(await self.config(reading, found[0].manifest)), found[1])

    async def config(self, reading: PullPermit, manifest: Manifest, *, whatever: bool = False) -> bytes | None:
        """The configuration of an image (`whatever`: of any artifact); None where there is none, or it is too large to
        be read."""
        descriptor = manifest.config
        if descriptor is None or descriptor.size > MAX_BYTES:
            return None
        if not whatever and not is_image_config(descriptor.media_type):
            return None
        return await self.blob(reading, descriptor.digest, MAX_BYTES)

    async def blob(self, reading: PullPermit, digest: Digest, most: int) -> bytes | None:
        """A blob of at most so many bytes; None: it is larger. Raises `BlobUnknown`."""
        blob = await self._pull.blob(reading, digest)
        if blob.size > most:
            return None
        pieces = [
            await self._pull.read(reading, blob, start, min(start + _PIECE, blob.size))
            for start in range(0, blob.size, _PIECE)
        ]
        return b"".join(pieces)


def parsed(config: bytes | None) -> ImageConfig | None:
    """What a configuration says; None where it cannot be read."""
    return parse_config(config) if config is not None else None


def image_of(opened: Opened, config: ImageConfig | None, platform: str) -> Image:
    """An image as it is shown. `platform`: as an index lists it, '' as its configuration says."""
    layers, after = layers_of(opened.manifest, config)
    said = str(config.platform) if config is not None else ""
    return Image(opened.stored.digest, platform or said, config, layers, after)


def _listed(data: bytes) -> tuple[Listed, ...]:
    entries: list[dict[str, Any]] = decode(data).get("manifests") or []
    found = []
    for entry in entries:
        platform = entry.get("platform")
        annotations: Mapping[str, str] = entry.get("annotations") or {}
        found.append(
            Listed(
                entry["digest"],
                entry["mediaType"],
                platform_of(platform) if isinstance(platform, dict) else UNKNOWN,
                annotations.get(_ATTESTS),
            )
        )
    return tuple(found)
