"""Registries and layouts as places that images come from and go to (copying.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.cli.exchange.copying import CopyError, Node
from holdfast.cli.exchange.layout import LayoutReader, LayoutWriter
from holdfast.cli.exchange.wire import Remote
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import MAX_BYTES, Descriptor

NAME = "org.opencontainers.image.ref.name"
REPOSITORY = "dev.holdfast.repository"
TAG = "dev.holdfast.tag"
SINCE, UNTIL = "dev.holdfast.since", "dev.holdfast.until"
DELETED = "dev.holdfast.deleted"
"""Annotations of an index of an export: between which instants, and the JSON list of the tags that went meanwhile."""
_KEPT = 1000
Told = Callable[[int], None]
"""Is told of bytes that came."""


def _silent(_bytes: int) -> None:
    return


class RegistryRepository:
    """One repository of a registry, to read from and to write to. `mounts`: repositories of the same registry that hold
    the blobs too."""

    def __init__(self, remote: Remote, repository: str, told: Told = _silent, mounts: Sequence[str] = ()) -> None:
        self._remote = remote
        self._repository = repository
        self._told = told
        self._mounts = mounts
        self._known: dict[str, tuple[bytes, str]] = {}
        self.mounted = 0

    def manifest(self, reference: str) -> tuple[bytes, str] | None:
        """See `copying.Source`."""
        known = self._known.get(reference)
        if known is not None:
            return known
        found = self._remote.manifest(self._repository, reference)
        if found is None:
            return None
        if ":" in reference:
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[reference] = (found.data, found.media_type)
        return found.data, found.media_type

    def referrers(self, digest: Digest) -> Iterable[str]:
        """See `copying.Source`."""
        return [str(each.get("digest")) for each in self._remote.referrers(self._repository, digest)]

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `copying.Source`."""
        for piece in self._remote.blob(self._repository, descriptor.digest, descriptor.size):
            self._told(len(piece))
            yield piece

    def has(self, node: Node) -> bool:
        """See `copying.Target`. A registry takes a manifest only with all that it needs, or an index without."""
        return not node.manifest.children and self._remote.has_manifest(self._repository, node.digest)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """See `copying.Target`."""
        if self._remote.has_blob(self._repository, descriptor.digest):
            return True
        for source in self._mounts:
            if self._remote.mount(self._repository, descriptor.digest, source):
                self.mounted += 1
                return True
        return False

    def holds(self, digest: str) -> bool:
        """Whether the blob is in the repository."""
        return self._remote.has_blob(self._repository, digest)

    def put_blob(self, descriptor: Descriptor, chunks: Callable[[], Iterable[bytes]]) -> None:
        """See `copying.Target`."""
        self._remote.put_blob(self._repository, descriptor.digest, descriptor.size, chunks)

    def put(self, node: Node, tag: str) -> None:
        """See `copying.Target`."""
        self._remote.put_manifest(self._repository, tag or node.digest, node.data, node.media_type)


class LayoutSource:
    """The images of one repository in a layout."""

    def __init__(self, reader: LayoutReader, told: Told = _silent) -> None:
        self._reader = reader
        self._told = told
        self._types: dict[str, str] = {}
        self._referrers: dict[str, list[str]] | None = None

    def manifest(self, reference: str) -> tuple[bytes, str] | None:
        """See `copying.Source`. A layout's names are those of its index: here all is known by its digest."""
        digest = Digest.parse(reference)
        size = self._reader.size(digest)
        if size is None:
            return None
        if size > MAX_BYTES:
            raise CopyError(f"{digest} is too large for a manifest")
        return b"".join(self._reader.read(digest)), self._type_of(reference)

    def referrers(self, digest: Digest) -> Iterable[str]:
        """See `copying.Source`: those that the index lists."""
        if self._referrers is None:
            self._referrers = {}
            for entry in entries(self._reader):
                subject = self._subject(str(entry["digest"]))
                if subject is not None:
                    self._referrers.setdefault(subject, []).append(str(entry["digest"]))
        return self._referrers.get(digest, [])

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `copying.Source`."""
        size = self._reader.size(descriptor.digest)
        if size is None:
            raise CopyError(
                f"{descriptor.digest} is not in the layout, and not in the registry: import first what the layout was "
                "made after"
            )
        for piece in self._reader.read(descriptor.digest):
            self._told(len(piece))
            yield piece

    def _type_of(self, digest: str) -> str:
        if not self._types:
            self._types = {str(each["digest"]): str(each.get("mediaType") or "") for each in entries(self._reader)}
        return self._types.get(digest, "")

    def _subject(self, digest: str) -> str | None:
        from holdfast.oci import manifest as oci_manifest
        from holdfast.oci.errors import Invalid

        found = self.manifest(digest)
        try:
            parsed = oci_manifest.parse(*found) if found is not None else None
        except Invalid:
            return None
        return str(parsed.subject.digest) if parsed is not None and parsed.subject is not None else None


def entries(reader: LayoutReader) -> Iterator[Mapping[str, Any]]:
    """What the index of a layout lists, as far as it has a digest of the right form."""
    from holdfast.oci.errors import Invalid

    for each in reader.index["manifests"]:
        try:
            Digest.parse(str(each.get("digest")) if isinstance(each, dict) else "")
        except Invalid as error:
            raise CopyError(f"the layout lists what has no digest: {error}") from error
        yield each


class LayoutTarget:
    """A layout that images of several repositories are written to. `without`: digests that are left out, for who reads
    it has them already."""

    def __init__(self, writer: LayoutWriter) -> None:
        self._writer = writer
        self.without: frozenset[str] = frozenset()
        self._listed: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.repository = ""

    def has(self, node: Node) -> bool:
        """See `copying.Target`."""
        return node.digest in self.without

    def has_blob(self, descriptor: Descriptor) -> bool:
        """See `copying.Target`."""
        return descriptor.digest in self.without or self._writer.has(descriptor.digest)

    def put_blob(self, descriptor: Descriptor, chunks: Callable[[], Iterable[bytes]]) -> None:
        """See `copying.Target`."""
        self._writer.add(descriptor.digest, descriptor.size, chunks())

    def put(self, node: Node, tag: str) -> None:
        """See `copying.Target`. What has no tag is listed when it refers to something: else an index lists it."""
        if not self._writer.has(node.digest):
            self._writer.add(node.digest, len(node.data), [node.data])
        if tag or node.manifest.subject is not None:
            self.offer(node, tag)

    def offer(self, node: Node, tag: str) -> None:
        """List a manifest in the index."""
        notes = {REPOSITORY: self.repository, **({TAG: tag} if tag else {})}
        self._listed[self.repository, tag, node.digest if not tag else ""] = {**node.descriptor, "annotations": notes}

    def finish(self, annotations: Mapping[str, str]) -> int:
        """Write the index, with names that other programs know: the tag, or the whole name where there are several
        repositories. Returns how many entries it has."""
        several = len({repository for repository, _, _ in self._listed}) > 1
        for (repository, tag, _), entry in self._listed.items():
            if tag:
                entry["annotations"] = {**entry["annotations"], NAME: f"{repository}:{tag}" if several else tag}
        self._writer.finish(list(self._listed.values()), annotations)
        return len(self._listed)
