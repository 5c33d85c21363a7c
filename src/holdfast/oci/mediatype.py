"""Media types: those that mean something to a registry, and the syntax of all others.

A registry understands only what it must to keep content whole: which documents are manifests, and which layers it is
not expected to hold. Every other type passes as long as it is one (RFC 6838, 4.2; image-spec, media-types.md).
"""

from __future__ import annotations

import re
from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD: Final = "application/vnd.oci.image.layer.v1.tar+zstd"

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA_1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

OCTET_STREAM: Final = "application/octet-stream"

MAX_LENGTH: Final = 512
"""Characters in a media type: 127 + 1 + 127 by RFC 6838, and room for parameters."""

_OCI_FOREIGN_LAYER: Final = "application/vnd.oci.image.layer.nondistributable.v1."

# restricted-name (RFC 6838, 4.2), then parameters (RFC 9110, 5.6.6). Each part begins with a character that the part
# before cannot hold, so there is one way to match.
_RESTRICTED: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 (a token of RFC 9110, no secret)
_QUOTED: Final = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
_MEDIA_TYPE: Final = re.compile(
    rf"{_RESTRICTED}/{_RESTRICTED}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*",
)

# The families that browsers show in the page's own origin, and what they run wherever it stands.
_SHOWN: Final = frozenset({"text", "image", "audio", "video", "multipart", "message"})
_RUN: Final = ("html", "xml", "script", "pdf", "flash")

# What nearly every descriptor carries need not be matched again.
_USUAL: Final = frozenset(
    {
        *(OCI_MANIFEST, OCI_INDEX, OCI_CONFIG, OCI_EMPTY, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD),
        *(DOCKER_MANIFEST, DOCKER_LIST, DOCKER_CONFIG, DOCKER_LAYER, OCTET_STREAM),
    }
)


def is_valid(text: str) -> bool:
    """Say whether `text` is a media type, with or without parameters (RFC 6838, 4.2; RFC 9110, 8.3.1)."""
    return text in _USUAL or (len(text) <= MAX_LENGTH and _MEDIA_TYPE.fullmatch(text) is not None)


def essence(text: str) -> str:
    """Return the media type without its parameters and the space around it (RFC 9110, 8.3.1)."""
    return text.partition(";")[0].strip(" \t")


def is_inert(text: str) -> bool:
    """Say whether content sent with this type (without parameters) is nothing that a browser would run.

    A manifest is sent with the type that its pusher chose: one of a page, an image or a script would make the registry
    the origin of somebody's program (rules "Content" 5).
    """
    kind, _, subtype = text.lower().partition("/")
    return kind not in _SHOWN and not any(word in subtype for word in _RUN)


def is_distributable(layer: str) -> bool:
    """Say whether a layer of this type must be in the registry (image-spec, layer.md, "Non-Distributable Layers").

    The type of a layer that is fetched from elsewhere is spelled exactly so; any other spelling counts as ordinary,
    so that in doubt the bytes are asked for.
    """
    return not layer.startswith(_OCI_FOREIGN_LAYER) and layer != DOCKER_FOREIGN_LAYER
