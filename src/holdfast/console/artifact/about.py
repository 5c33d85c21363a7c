"""Which artifact a page is about, and the addresses of its pages."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode

from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_image, parse_reference
from holdfast.registry.details.service import Named
from holdfast.web.formats import urlpath
from holdfast.web.site import Handler, Route
from holdfast.web.visit import Visit

_DEFAULT = "latest"


class Place(NamedTuple):
    """An artifact by its repository, and by a tag or a digest."""

    repository: RepositoryName
    reference: Tag | Digest

    @classmethod
    def of(cls, visit: Visit) -> Place:
        """What the address of a visit names. Raises `NameInvalid`, `TagInvalid`, `DigestInvalid`."""
        repository = RepositoryName.parse(visit.named["repository"])
        tag = visit.named.get("tag")
        return cls(repository, Tag.parse(tag) if tag is not None else Digest.parse(visit.named["digest"]))

    @property
    def named(self) -> Named:
        """As services take it."""
        return Named(self.repository, self.reference)

    @property
    def tag(self) -> str:
        """The tag, '' where it is named by its digest."""
        return "" if isinstance(self.reference, Digest) else str(self.reference)

    @property
    def title(self) -> str:
        """How a page calls it."""
        return self.tag or f"{self.reference[:19]}"

    @property
    def reference_text(self) -> str:
        """As clients write it, without the registry."""
        return f"{self.repository}{':' if self.tag else '@'}{self.reference}"

    @property
    def repository_path(self) -> str:
        """The address of its repository."""
        return f"/r/{urlpath(self.repository)}"

    def at(self, suffix: str = "", **query: str) -> str:
        """The address of a page of it. `query`: without the empty ones."""
        kind = "tags" if self.tag else "digests"
        path = f"{self.repository_path}/-/{kind}/{quote(self.reference, safe=':')}" + (f"/{suffix}" if suffix else "")
        fields = {name: value for name, value in query.items() if value}
        return path + (f"?{urlencode(fields)}" if fields else "")

    def beside(self, reference: Tag | Digest | str) -> Place:
        """Another artifact of the same repository."""
        return Place(self.repository, parse_reference(str(reference)))


def compare_path(repository: str, a: str, b: str, platform: str = "") -> str:
    """The address of a comparison."""
    fields = {"a": a, "b": b, "platform": platform}
    return f"/r/{urlpath(repository)}/-/compare?" + urlencode({name: text for name, text in fields.items() if text})


def both(method: str, suffix: str, handler: Handler) -> list[Route]:
    """The routes of a page that artifacts have by tag and by digest."""
    end = f"/{suffix}" if suffix else ""
    return [
        Route(method, f"/r/{{repository:name}}/-/{kind}/{{{word}}}{end}", handler)
        for kind, word in (("tags", "tag"), ("digests", "digest"))
    ]


def read_image(text: str, here: str, host: str) -> Named:
    """What people write for an artifact on a page of the repository `here`: a tag or a digest of it, `@DIGEST`, or
    `NAME:TAG` and `NAME@DIGEST`, with the registry's own name before it or without.

    Raises `NameInvalid`, `TagInvalid`, `DigestInvalid`."""
    text = text.strip().removeprefix("docker://").removeprefix("oci://").removeprefix(f"{host}/")
    repository = RepositoryName.parse(here)
    if text.startswith("@"):
        return Named(repository, Digest.parse(text[1:]))
    if "/" in text or "@" in text or (":" in text and not text.startswith(("sha256:", "sha384:", "sha512:"))):
        name, reference = parse_image(text)
        return Named(name, reference if reference is not None else Tag(_DEFAULT))
    return Named(repository, parse_reference(text))
