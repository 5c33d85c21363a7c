"""What a manifest says that can be searched for: its types, its annotations, the labels of its image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from holdfast.oci.image_config import ImageConfig
from holdfast.oci.manifest import Manifest
from holdfast.registry.search.model import LONGEST, Kind

MOST = 256
"""Terms of one manifest; what it says beyond them is not found."""


class Term(NamedTuple):
    """One thing that is said: folded for finding it, and as it was written."""

    field: str
    term: str
    said: str


def terms_of(
    media_type: str, artifact_type: str | None, manifest: Manifest | None, config: ImageConfig | None
) -> list[Term]:
    """The terms of a manifest, its types first; at least one, at most `MOST`."""
    found: dict[tuple[str, str], Term] = {}
    for term in _all(media_type, artifact_type, manifest, config):
        if len(found) < MOST:
            found.setdefault((term.field, term.term), term)
    return list(found.values())


def _all(
    media_type: str, artifact_type: str | None, manifest: Manifest | None, config: ImageConfig | None
) -> Iterator[Term]:
    for text in (media_type, artifact_type):
        if text:
            yield Term(Kind.TYPE, _cut(text.casefold()), _cut(text))
    yield from _pairs(Kind.LABEL, config.labels if config is not None else {})
    yield from _pairs(Kind.ANNOTATION, manifest.annotations if manifest is not None else {})


def _pairs(field: str, texts: Mapping[str, str]) -> Iterator[Term]:
    for name, value in texts.items():
        said = _cut(_plain(f"{name}={value}"))
        yield Term(field, _cut(said.casefold()), said)
        if value:
            yield Term(field, _cut(_plain(value).casefold()), said)


def _plain(text: str) -> str:
    """Without what no database can hold."""
    return text[: 2 * LONGEST].replace("\0", "")


def _cut(text: str) -> str:
    return text[:LONGEST]
