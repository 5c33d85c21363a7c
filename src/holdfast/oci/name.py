"""Names: of repositories, of tags, and what a request may put in a tag's place.

A value of these types went through the grammar of the specification (distribution-spec, "Pulling manifests"), so it
holds no `..`, no empty segment, no control character and no separator but `/`, and needs no further check or escape.
Every grammar here is unambiguous and its input is bounded first: matching takes linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from holdfast.oci.digest import Digest
from holdfast.oci.errors import NameInvalid, TagInvalid, excerpt

MAX_NAME: Final = 255
MAX_TAG: Final = 128

# <name>: [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
_SEGMENT: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
# <tag>: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# What clients add to a digest's manifest without `subject`: `sha256-<hex>`, `sha256-<hex>.sig`, `.att`, `.sbom` ...
_OF_A_DIGEST: Final = re.compile(r"sha256-([0-9a-f]{64})(?:\..*)?")
_NOT_IN_A_TAG: Final = re.compile(r"[^a-zA-Z0-9._-]")

# A name costs more to match than to look up, and a server meets the same few thousand all day. Only valid names are
# kept, each at most MAX_NAME characters, so that whatever clients send, this stays within a few megabytes.
_REMEMBERED: Final = 4096


class RepositoryName(str):
    """The `<name>` of a repository: segments joined by `/` (distribution-spec, "Pulling manifests")."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> RepositoryName:
        """Return `text` as a name; raise `NameInvalid` when it breaks the grammar or has more than 255 characters."""
        return _repository_name(text)

    def prefixes(self) -> tuple[str, ...]:
        """Return every namespace the repository is in, widest first: `""`, `"a"`, `"a/b"`, ... and the name itself."""
        found = [""]
        cut = self.find("/")
        while cut >= 0:
            found.append(self[:cut])
            cut = self.find("/", cut + 1)
        found.append(str(self))
        return tuple(found)


@lru_cache(maxsize=_REMEMBERED)
def _repository_name(text: str) -> RepositoryName:
    if len(text) > MAX_NAME:
        raise NameInvalid(f"A repository name has at most {MAX_NAME} characters, this one has {len(text)}.", name=text)
    if _NAME.fullmatch(text) is None:
        raise NameInvalid(
            f"The repository name '{excerpt(text)}' is not made of segments of lower-case letters and digits, "
            "joined inside by '.', '_', '__' or '-' and separated by '/'.",
            name=text,
        )
    return RepositoryName(text)


class Tag(str):
    """A `<tag-or-digest>` that is a tag: at most 128 characters (distribution-spec, "Pulling manifests")."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Return `text` as a tag; raise `TagInvalid` when it breaks the grammar."""
        if _TAG.fullmatch(text) is None:
            if len(text) > MAX_TAG:
                raise TagInvalid(f"A tag has at most {MAX_TAG} characters, this one has {len(text)}.", tag=text)
            raise TagInvalid(
                f"The tag '{excerpt(text)}' is not made of letters, digits, '_', '.' and '-', "
                "beginning with a letter, a digit or '_'.",
                tag=text,
            )
        return cls(text)


def parse_reference(text: str) -> Tag | Digest:
    """Return what a manifest is asked for by (distribution-spec, "Pulling manifests", `<tag-or-digest>`).

    No tag holds a colon and every digest does: raise `DigestInvalid` for a text with one, `TagInvalid` without.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)


def parse_image(text: str) -> tuple[RepositoryName, Tag | Digest | None]:
    """Return what people write for an image, `NAME[:TAG]`, `NAME@DIGEST` or `NAME:TAG@DIGEST` (the tag is for people
    then), as name and reference; raise `NameInvalid`, `TagInvalid` or `DigestInvalid`."""
    named, at, digest = text.partition("@")
    name, colon, tag = named.partition(":")
    found = RepositoryName.parse(name), Tag.parse(tag) if colon else None
    return (found[0], Digest.parse(digest)) if at else found


def referrers_tag(digest: Digest) -> Tag:
    """Return the tag under which clients keep the referrers of `digest` (distribution-spec, "Referrers Tag Schema").

    The algorithm cut to 32 characters, `-`, the encoded part cut to 64, every character that no tag has as `-`. Two
    sha512 digests may share one: the list under the tag says nothing about whose it is, its entries' `subject` does.
    """
    return Tag.parse(_NOT_IN_A_TAG.sub("-", f"{digest.algorithm[:32]}-{digest.encoded[:64]}"))


def signed_digest(tag: str) -> Digest | None:
    """Return the digest that a tag `sha256-<hex>[.suffix]` belongs to, None for every other tag."""
    found = _OF_A_DIGEST.fullmatch(tag)
    return Digest(f"sha256:{found[1]}") if found is not None else None
