"""The reference model of the registry machine: what a registry of a few repositories should show, in dictionaries.

It knows nothing of tables, links or edges: a repository shows digests, some of them as manifests, and has tags.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.registry.house import image, index

from holdfast.oci.digest import Digest


class Piece(NamedTuple):
    """Content that the machine may push: bytes, and for a manifest what it names."""

    name: str
    data: bytes
    parts: tuple[str, ...] = ()
    subject: str | None = None
    is_index: bool = False
    is_manifest: bool = False

    @property
    def digest(self) -> Digest:
        return Digest.of(self.data)


def _universe() -> dict[str, Piece]:
    """Blobs, images, indexes and referrers, small and large, that refer to one another in every way there is."""
    found: dict[str, Piece] = {}

    def blob(name: str, data: bytes) -> None:
        found[name] = Piece(name, data)

    def an_image(name: str, *parts: str, subject: str | None = None, **more: object) -> None:
        of = found[subject].data if subject is not None else None
        config, *layers = (found[part].data for part in parts)
        data = image(config, *layers, subject=of, **more)
        found[name] = Piece(name, data, parts, subject, is_manifest=True)

    def an_index(name: str, *parts: str, subject: str | None = None) -> None:
        of = found[subject].data if subject is not None else None
        data = index(*(found[part].data for part in parts), subject=of)
        found[name] = Piece(name, data, parts, subject, is_index=True, is_manifest=True)

    blob("config", b"{}")
    blob("other-config", b'{"a":"longer than what is kept in the database, by far"}' * 5)
    blob("small-layer", b"small")
    blob("large-layer", b"0123456789" * 2000)
    an_image("image", "config", "small-layer")
    an_image("second", "other-config", "small-layer", "large-layer")
    an_image("third", "config", "large-layer", "large-layer")
    an_image("signature", "config", "small-layer", subject="image", artifactType="application/vnd.example.signature")
    an_image("signature-of-signature", "config", "small-layer", subject="signature")
    an_index("both", "image", "second")
    an_index("own-child", "third", subject="third")
    an_index("nested", "both", "signature", "third")
    an_index("empty", subject="both")
    an_image("sbom", "other-config", subject="both", annotations={"kind": "sbom"})
    return found


UNIVERSE = _universe()
BLOBS = [piece.name for piece in UNIVERSE.values() if not piece.is_manifest]
MANIFESTS = [piece.name for piece in UNIVERSE.values() if piece.is_manifest]


@dataclass
class Repository:
    """What one repository shows. `changed`: whether it ever had a manifest, and so is listed; `gone`: what it lost."""

    sparse: bool
    shown: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    changed: bool = False
    gone: set[str] = field(default_factory=set)

    def missing(self, name: str) -> set[str]:
        """What a push of the manifest `name` must be refused for."""
        piece = UNIVERSE[name]
        if name in self.manifests or (piece.is_index and self.sparse):
            return set()
        return {part for part in piece.parts if part not in self.shown}

    def users(self, name: str) -> set[str]:
        """The manifests here that name `name` as a part, so that it cannot be deleted."""
        return {other for other in self.manifests if name in UNIVERSE[other].parts}

    def referrers(self, name: str) -> set[str]:
        """The manifests here whose subject is `name`."""
        return {other for other in self.manifests if UNIVERSE[other].subject == name}

    def show(self, name: str) -> None:
        """A blob was pushed or mounted."""
        self.shown.add(name)

    def put(self, name: str, tags: list[str]) -> None:
        """A manifest was pushed."""
        self.changed = True
        self.shown.add(name)
        self.manifests.add(name)
        self.tags.update(dict.fromkeys(tags, name))

    def hide(self, name: str) -> None:
        """A blob or a manifest was deleted."""
        self.gone.add(name)
        self.shown.discard(name)
        self.manifests.discard(name)
        self.tags = {tag: target for tag, target in self.tags.items() if target != name}

    def drop_tag(self, tag: str) -> None:
        """A tag was deleted."""
        del self.tags[tag]
