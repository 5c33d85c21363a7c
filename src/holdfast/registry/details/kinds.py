"""What a referrer is, told from its types: nothing of it is checked, so a kind is a claim and no proof."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.registry.details.model import ReferrerKind

_BUNDLE = "vnd.dev.sigstore.bundle"
_PREDICATE = "dev.sigstore.bundle.predicateType"
_SIGNED_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_WORDS = (
    (ReferrerKind.SBOM, ("spdx", "cyclonedx", "sbom", "syft")),
    (ReferrerKind.ATTESTATION, ("in-toto", "attestation", "slsa", "dsse", "provenance")),
    (ReferrerKind.SIGNATURE, ("signature", "cosign.artifact.sig", "notary", "simplesigning")),
)
_SUFFIXES = {".sig": ReferrerKind.SIGNATURE, ".att": ReferrerKind.ATTESTATION, ".sbom": ReferrerKind.SBOM}


def kind_of(artifact_type: str | None, annotations: Mapping[str, str], tag: str | None = None) -> ReferrerKind:
    """The kind of a referrer; of one that is known by its tag, by what the tag ends with."""
    for suffix, kind in _SUFFIXES.items():
        if tag is not None and tag.endswith(suffix):
            return kind
    text = (artifact_type or "").lower()
    if _BUNDLE in text:
        predicate = annotations.get(_PREDICATE, _SIGNED_PREDICATE)
        return ReferrerKind.SIGNATURE if predicate == _SIGNED_PREDICATE else kind_of(f"dsse {predicate}", {})
    for kind, words in _WORDS:
        if any(word in text for word in words):
            return kind
    return ReferrerKind.OTHER
