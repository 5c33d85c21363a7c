"""What refers to an artifact, as a tree by kind. That something is there is no proof of anything: nothing of it was
checked, and the page says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.registry.details.looking import Looked
from holdfast.registry.details.model import Part, Referrer, ReferrerKind

_TITLES = {
    ReferrerKind.SIGNATURE: "Signatures",
    ReferrerKind.SBOM: "SBOMs",
    ReferrerKind.ATTESTATION: "Attestations",
    ReferrerKind.OTHER: "Other",
}
_ISSUERS = (
    "dev.sigstore.cosign.identity",
    "io.cncf.notary.x509chain.thumbprint#S256",
    "org.opencontainers.image.vendor",
    "org.opencontainers.image.authors",
)
_CREATED = "org.opencontainers.image.created"
_PREDICATES = (("spdx", "SBOM (SPDX)"), ("cyclonedx", "SBOM (CycloneDX)"), ("slsa.dev/provenance", "Provenance (SLSA)"))
_DEPTH = 8


class Item(NamedTuple):
    """Something that refers. `what`: its type, `about`: the platform or digest that it is about, '' the artifact
    itself; `issuer` and `created` as it says itself, '' where it does not; `inside`: it lies in the index itself."""

    digest: str
    what: str
    about: str
    issuer: str
    created: str
    pushed_at: int | None
    size: int | None
    tag: str | None
    inside: bool
    children: list[Item]


class Group(NamedTuple):
    """What is of one kind. `covers`: how much of the artifact it is about, in words."""

    key: str
    title: str
    covers: str
    items: list[Item]


def tree(looked: Looked) -> list[Group]:
    """Everything that refers to an artifact, by kind; what refers to a referrer stands under it."""
    own = {str(looked.digest), *(part.digest for part in looked.parts)}
    found = looked.referring.found if looked.referring is not None else ()
    below: dict[str, list[Referrer]] = {}
    for each in found:
        below.setdefault(each.subject, []).append(each)
    roots = [each for each in found if each.subject in own]
    groups = []
    for kind, title in _TITLES.items():
        items = [_item(each, looked, below, _DEPTH) for each in roots if each.kind is kind]
        items += _inside(looked, kind)
        groups.append(Group(str(kind), title, coverage(looked, kind), items))
    return groups


def flat(looked: Looked, found: Iterable[Referrer]) -> list[tuple[str, Item]]:
    """A page of referrers with their kinds."""
    return [(_TITLES[each.kind].removesuffix("s"), _item(each, looked, {}, 0)) for each in found]


def coverage(looked: Looked, kind: ReferrerKind) -> str:
    """What of an artifact such things are about: `for 2 of 3 platforms`, `for the index`."""
    found = looked.referring.found if looked.referring is not None else ()
    subjects = {each.subject for each in found if each.kind is kind}
    whole = str(looked.digest) in subjects
    parts = [part for part in looked.parts if part.attests is None and _known(part)]
    if not parts:
        return "for this digest" if whole else ""
    stated = {part.attests for part in looked.parts if part.attests is not None and _is(looked, part, kind)}
    covered = sum(part.digest in subjects or part.platform in stated or part.digest in stated for part in parts)
    more = looked.referring is not None and looked.referring.more
    counted = f"for {covered} of {len(parts)} platforms" + (" at least" if more else "")
    if whole:
        return "for the index" + (f" and {counted}" if covered else "")
    return counted if covered or more else ""


def stated(predicates: Sequence[str]) -> str:
    """What an attestation states, in words."""
    found = []
    for predicate in predicates:
        text = predicate.lower()
        found.append(next((said for word, said in _PREDICATES if word in text), predicate))
    return ", ".join(dict.fromkeys(found)) or "Attestation"


def _known(part: Part) -> bool:
    return part.platform not in ("", "unknown", "unknown/unknown")


def _is(looked: Looked, part: Part, kind: ReferrerKind) -> bool:
    """Whether an attestation that lies in the index states what such a thing states."""
    said = " ".join(looked.stated.get(part.digest, ())).lower()
    sbom = any(word in said for word in ("spdx", "cyclonedx"))
    if kind is ReferrerKind.SBOM:
        return sbom
    return kind is ReferrerKind.ATTESTATION and (not sbom or "slsa" in said)


def _inside(looked: Looked, kind: ReferrerKind) -> list[Item]:
    """The attestations that lie in an index, where they are of a kind."""
    return [
        Item(
            digest=part.digest,
            what=stated(looked.stated.get(part.digest, ())),
            about=part.attests or "",
            issuer="",
            created="",
            pushed_at=None,
            size=part.size,
            tag=None,
            inside=True,
            children=[],
        )
        for part in looked.parts
        if part.attests is not None and _is(looked, part, kind)
    ]


def _item(each: Referrer, looked: Looked, below: dict[str, list[Referrer]], depth: int) -> Item:
    platforms = {part.digest: part.platform or part.digest for part in looked.parts}
    said = each.annotations
    children = below.get(each.digest, []) if depth else []
    return Item(
        digest=each.digest,
        what=each.artifact_type or each.media_type,
        about="" if each.subject == looked.digest else platforms.get(each.subject, each.subject),
        issuer=next((said[name] for name in _ISSUERS if said.get(name)), ""),
        created=said.get(_CREATED, ""),
        pushed_at=each.pushed_at,
        size=each.size,
        tag=each.tag,
        inside=False,
        children=[_item(child, looked, below, depth - 1) for child in children],
    )
