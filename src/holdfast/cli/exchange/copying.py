"""Copying images whole: everything that a manifest needs before it, what refers to it after it, names last.

Promises: each digest is visited once, however it is reached (cycles, chains, diamonds); numbers are bounded; a name is
set only when the whole closure is there (rules "We are the client", 23, 24); bytes that do not hash are never passed
on as good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import Digest
from holdfast.oci.errors import Invalid
from holdfast.oci.manifest import Descriptor, Kind, Manifest

MOST = 100_000
"""Manifests of one image: children, referrers, and theirs."""


class CopyError(Exception):
    """An image cannot be copied; the text says why."""


class Node(NamedTuple):
    """One manifest of a closure."""

    digest: Digest
    data: bytes
    media_type: str
    manifest: Manifest

    @property
    def descriptor(self) -> dict[str, Any]:
        """As an index lists it."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}
        if self.manifest.subject is not None and self.manifest.referrer_type:
            found["artifactType"] = self.manifest.referrer_type
        return found


class Source(Protocol):
    """Where images come from."""

    def manifest(self, reference: str) -> tuple[bytes, str] | None:
        """The bytes and the media type of a manifest, by tag or digest; None where there is none."""
        ...

    def referrers(self, digest: Digest) -> Iterable[str]:
        """The digests of what refers to a manifest."""
        ...

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, checked."""
        ...


class Target(Protocol):
    """Where images go."""

    def has(self, node: Node) -> bool:
        """Whether the manifest is there, and with it everything that it needs."""
        ...

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there, or could be had without sending it."""
        ...

    def put_blob(self, descriptor: Descriptor, chunks: Callable[[], Iterable[bytes]]) -> None:
        """Bring a blob."""
        ...

    def put(self, node: Node, tag: str) -> None:
        """Bring a manifest, whose parts are there; under `tag`, or '' by its digest."""
        ...


class Copied(NamedTuple):
    """What a copy did: manifests and blobs that were brought, and the bytes of these blobs."""

    manifests: int
    blobs: int
    bytes: int


class Closure(NamedTuple):
    """A manifest and all that belongs to it, in an order in which it can be put: children before what lists them, a
    subject before what refers to it; the root is among them."""

    root: Node
    nodes: list[Node]


def closure(source: Source, reference: str, *, referrers: bool = True) -> Closure:
    """The manifest that `reference` names and all that belongs to it.

    Raises `CopyError`.
    """
    nodes: dict[Digest, Node] = {}
    order: list[Digest] = []
    root = _node(source, reference)
    waiting: list[Digest] = []

    def gather(node: Node) -> None:
        """`node` and its children, these first; without recursion, for chains may be long."""
        stack: list[tuple[Node, list[Descriptor]]] = [(node, list(node.manifest.children))]
        nodes[node.digest] = node
        while stack:
            here, left = stack[-1]
            if not left:
                stack.pop()
                order.append(here.digest)
                waiting.append(here.digest)
                continue
            child = left.pop(0)
            if child.digest in nodes:
                continue
            if len(nodes) >= MOST:
                raise CopyError(f"{reference} has more than {MOST} manifests")
            found = _node(source, child.digest, listed=True)
            if found is None:
                continue
            nodes[child.digest] = found
            stack.append((found, list(found.manifest.children)))

    if root is None:
        raise CopyError(f"there is no {reference}")
    gather(root)
    while referrers and waiting:
        for digest in source.referrers(waiting.pop(0)):
            parsed = _digest(digest)
            if parsed in nodes:
                continue
            found = _node(source, parsed, listed=True)
            if found is not None:
                gather(found)
    return Closure(root, [nodes[digest] for digest in order])


def _node(source: Source, reference: str, *, listed: bool = False) -> Node | None:
    """A manifest, parsed; None for a part of a sparse index, or a referrer, that is not there."""
    found = source.manifest(reference)
    if found is None:
        if listed:
            return None
        raise CopyError(f"there is no {reference}")
    data, media_type = found
    try:
        manifest = oci_manifest.parse(data, media_type)
    except Invalid as error:
        raise CopyError(f"{reference} cannot be copied: {error}") from error
    digest = Digest.parse(reference) if ":" in reference else Digest.of(data)
    return Node(digest, data, manifest.media_type, manifest)


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except Invalid as error:
        raise CopyError(f"what refers to an image has no digest: {error}") from error


def copy(source: Source, target: Target, whole: Closure, tags: Iterable[str] = ()) -> Copied:
    """Bring all of it, then let `tags` be its root. Raises what source and target raise."""
    manifests = blobs = size = 0
    seen: set[Digest] = set()
    for node in whole.nodes:
        if target.has(node):
            continue
        for part in node.manifest.blobs if node.manifest.kind is not Kind.INDEX else ():
            if part.digest in seen:
                continue
            seen.add(part.digest)
            if not target.has_blob(part):
                target.put_blob(part, lambda part=part: source.blob(part))  # type: ignore[misc]
                blobs, size = blobs + 1, size + part.size
        target.put(node, "")
        manifests += 1
    for tag in tags:
        target.put(whole.root, tag)
    return Copied(manifests, blobs, size)
