"""What belongs to an artifact, and what refers to it, read from the edges of its repository in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Reader
from holdfast.oci.digest import Digest
from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.manifest import Kind
from holdfast.oci.name import signed_digest
from holdfast.registry.details import store
from holdfast.registry.details.kinds import kind_of
from holdfast.registry.details.model import MOST_NODES, MOST_REFERRERS, Referrer, ReferrerKind
from holdfast.registry.objects import Objects
from holdfast.registry.reach.signed import SignedTags

_AT_ONCE = 500
_DEPTH = 16
_READ = 64 << 10
_STATEMENTS = 100
_PREDICATE_TYPE = "in-toto.io/predicate-type"
_ORDER = list(ReferrerKind)


class Belonging(NamedTuple):
    """`sizes` of manifests and blobs by id, the root's among them; `manifests`: digests by id; `kept`: what each
    manifest keeps; `whole`: nothing was left out."""

    sizes: Mapping[int, int]
    manifests: Mapping[int, str]
    kept: Mapping[int, set[int]]
    whole: bool

    @property
    def blobs(self) -> list[int]:
        """The ids of its blobs."""
        return sorted(self.sizes.keys() - self.manifests.keys())

    def sizes_of(self) -> dict[str, int]:
        """The bytes of each manifest and of what it keeps, by digest."""
        return {
            digest: self.sizes[id_] + sum(self.sizes[part] for part in self.kept.get(id_, ()))
            for id_, digest in self.manifests.items()
        }


class Referring(NamedTuple):
    """What refers to an artifact, by kind; `more`: there is more of it."""

    found: tuple[Referrer, ...]
    more: bool


async def belonging(reader: Reader, repo_id: int, root: int, digest: str, size: int) -> Belonging:
    """What belongs to the manifest `root`, level by level, at most `MOST_NODES`."""
    sizes, manifests, kept = {root: size}, {root: digest}, dict[int, set[int]]()
    waiting, left = [root], 5 * MOST_NODES
    while waiting:
        ids, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        rows = await reader.all(store.PARTS, repo_id=repo_id, ids=ids, limit=left + 1)
        left -= len(rows)
        for row in rows:
            kept.setdefault(row.keeper, set()).add(row.id)
            if row.id in sizes:
                continue
            sizes[row.id] = row.size
            if row.kind != Kind.BLOB:
                manifests[row.id] = row.digest
                waiting.append(row.id)
        if left < 0 or len(sizes) > MOST_NODES:
            return Belonging(sizes, manifests, kept, whole=False)
    return Belonging(sizes, manifests, kept, whole=True)


async def shared_with_others(reader: Reader, repo_id: int, found: Belonging) -> set[int]:
    """The blobs that other manifests of the repository keep, too."""
    blobs, shared = found.blobs, set[int]()
    for first in range(0, len(blobs), _AT_ONCE):
        rows = await reader.all(
            store.SHARED, repo_id=repo_id, ids=blobs[first : first + _AT_ONCE], keepers=sorted(found.manifests)
        )
        shared.update(row.id for row in rows)
    return shared


class _Row(NamedTuple):
    """A referrer as a statement gave it."""

    id: int
    subject: int
    digest: str
    media_type: str
    artifact_type: str | None
    size: int
    put_at: int
    tag: str | None


async def referring(
    reader: Reader, objects: Objects, repo_id: int, found: Belonging, hidden: Callable[[str], bool]
) -> Referring:
    """What refers to any manifest of `found`, and to that, and so on; `hidden`: tags that are not told."""
    digests, signed = dict(found.manifests), SignedTags(reader, repo_id)
    rows: dict[tuple[int, int], _Row] = {}
    waiting, more = sorted(digests), False
    for _ in range(_DEPTH):
        if not waiting or more:
            break
        step: list[_Row] = []
        for first in range(0, len(waiting), _AT_ONCE):
            ids = {each: digests[each] for each in waiting[first : first + _AT_ONCE]}
            step += await _step(reader, signed, repo_id, ids, hidden)
        waiting = []
        for row in sorted(step, key=lambda one: (one.id, one.subject, one.tag or "")):
            if (row.id, row.subject) in rows:
                continue
            if len(rows) >= MOST_REFERRERS:
                more = True
                break
            rows[row.id, row.subject] = row
            if row.id not in digests:
                digests[row.id] = row.digest
                waiting.append(row.id)
    told = await _told(reader, objects, rows.values())
    each = [_referrer(row, digests[row.subject], told.get(row.id, {})) for row in rows.values()]
    each.sort(key=lambda one: (_ORDER.index(one.kind), one.pushed_at, one.digest))
    return Referring(tuple(each), more or bool(waiting))


class ReferrerPage(NamedTuple):
    """A page of what refers to one manifest, in the order it came; `next`: where the next page begins."""

    found: tuple[Referrer, ...]
    next: int | None


async def referrers_after(  # noqa: PLR0917 - what a page needs
    reader: Reader, objects: Objects, repo_id: int, subject: tuple[int, str], after: int, limit: int
) -> ReferrerPage:
    """What refers to a manifest (id and digest) by a field of its own, after a cursor (0: from the first on)."""
    id_, digest = subject
    rows = await reader.all(store.REFERRERS_AFTER, repo_id=repo_id, content_id=id_, after=after, limit=limit + 1)
    page = [_Row(*row, None) for row in rows[:limit]]
    told = await _told(reader, objects, page)
    each = tuple(_referrer(row, digest, told.get(row.id, {})) for row in page)
    return ReferrerPage(each, page[-1].id if len(rows) > limit else None)


async def predicates(reader: Reader, objects: Objects, manifests: Mapping[int, str]) -> dict[str, tuple[str, ...]]:
    """What attestations that lie in an index state, by their digests: the predicate types of their layers."""
    documents = await _documents(reader, objects, manifests)
    found: dict[str, tuple[str, ...]] = {}
    for id_, document in documents.items():
        layers = document.get("layers")
        said = [_predicate(each) for each in layers] if isinstance(layers, list) else []
        found[manifests[id_]] = tuple(each for each in said[:_STATEMENTS] if each)
    return found


def _predicate(layer: object) -> str:
    annotations = layer.get("annotations") if isinstance(layer, dict) else None
    text = annotations.get(_PREDICATE_TYPE) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else ""


async def _step(
    reader: Reader, signed: SignedTags, repo_id: int, ids: Mapping[int, str], hidden: Callable[[str], bool]
) -> list[_Row]:
    own = await reader.all(store.REFERRERS, repo_id=repo_id, ids=sorted(ids), limit=MOST_REFERRERS + 1)
    found = [
        _Row(row.id, row.subject, row.digest, row.media_type, row.artifact_type, row.size, row.put_at, None)
        for row in own
    ]
    subjects = {digest: id_ for id_, digest in ids.items()}
    for row in await signed.of(sorted(subjects)):
        if not hidden(row.name):
            subject, media_type = subjects[signed_digest(row.name) or ""], row.media_type or ""
            found.append(
                _Row(row.id, subject, row.digest, media_type, row.artifact_type, row.size, row.put_at, row.name)
            )
    return found


async def _told(reader: Reader, objects: Objects, rows: Iterable[_Row]) -> dict[int, Mapping[str, str]]:
    """The annotations of referrers, of small manifests that are whole."""
    documents = await _documents(reader, objects, {row.id: row.digest for row in rows if row.size <= _READ})
    found: dict[int, Mapping[str, str]] = {}
    for id_, document in documents.items():
        annotations = document.get("annotations")
        if isinstance(annotations, dict):
            found[id_] = {name: text for name, text in annotations.items() if isinstance(text, str)}
    return found


async def _documents(reader: Reader, objects: Objects, manifests: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    """The manifests themselves, by id; without those that are not whole."""
    found: dict[int, dict[str, Any]] = {}
    for body in await reader.all(store.BODIES, ids=sorted(manifests)) if manifests else []:
        digest = Digest(manifests[body.id])
        try:
            data = objects.open(body.wrapped_key, digest, body.bytes)
            found[body.id] = decode(data) if Digest.of(data, digest.algorithm) == digest else {}
        except (Corrupt, ManifestInvalid):
            continue
    return found


def _referrer(row: _Row, subject: str, annotations: Mapping[str, str]) -> Referrer:
    kind = kind_of(row.artifact_type, annotations, row.tag)
    return Referrer(
        row.digest, subject, kind, row.media_type, row.artifact_type, row.size, row.put_at, annotations, row.tag
    )
