"""Reading a stored manifest again: under the type it is kept with, else under the one that its own bytes allow."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.oci import manifest as oci_manifest
from holdfast.oci import mediatype
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.manifest import Descriptor, Kind, Manifest


class Reading(NamedTuple):
    """A manifest as it reads, and the media type to keep it with: the one that it is kept with, where it may be."""

    manifest: Manifest
    media_type: str


def read_manifest(data: bytes, media_type: str | None) -> Reading | None:
    """The manifest in `data`, kept with `media_type`; None when it reads as none at all."""
    if media_type:
        manifest = _parse(data, media_type)
        if manifest is not None:
            return Reading(manifest, media_type)
    for other in ("", mediatype.OCI_MANIFEST, mediatype.OCI_INDEX):
        manifest = _parse(data, other)
        if manifest is not None:
            return Reading(manifest, manifest.media_type)
    return None


def _parse(data: bytes, media_type: str) -> Manifest | None:
    try:
        return oci_manifest.parse(data, media_type)
    except ManifestInvalid:
        return None


def needed(manifest: Manifest) -> tuple[Descriptor, ...]:
    """What the repository must have for the manifest to be whole: the manifests of an index, the blobs of an image."""
    return manifest.children if manifest.kind is Kind.INDEX else manifest.blobs
