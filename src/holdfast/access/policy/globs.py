"""Globs over repository names and tags, parsed once.

Repository globs match whole names: `*` is any run of characters inside a segment, `**` is any number of segments (none
too, so `a/**` includes `a`). Tag globs match whole tags: `*` is any run of characters. Nothing else is special.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REPOSITORY_LIMIT = 255
_TAG_LIMIT = 128
_SEGMENT = re.compile(r"[a-z0-9*]+(?:(?:\.|_|__|-+)[a-z0-9*]+)*\Z|[a-z0-9._*-]*\*[a-z0-9._*-]*\Z")
_TAG = re.compile(r"[\w.*-]+\Z", re.ASCII)


class GlobInvalid(ValueError):
    """A glob that can match no name; the text says why."""


class RepositoryGlob:
    """A glob over repository names. `home`: its longest literal prefix of whole segments, '' when it has none."""

    __slots__ = ("_matches", "home", "literal", "segments", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments = tuple(text.split("/"))
        wild = next((i for i, segment in enumerate(self.segments) if "*" in segment), len(self.segments))
        self.home = "/".join(self.segments[:wild])
        self.literal = wild == len(self.segments)
        self._matches = re.compile(_pattern(self.segments)).fullmatch

    @classmethod
    def parse(cls, text: str) -> RepositoryGlob:
        """The glob that `text` says. Raises `GlobInvalid`."""
        return _repository_glob(text)

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` matches."""
        return self._matches(name) is not None

    @property
    def everything(self) -> bool:
        """Whether it matches every name."""
        return self.text == "**"


class TagGlob:
    """A glob over tags. `prefix`: the literal text that every match begins with."""

    __slots__ = ("_matches", "prefix", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.prefix = text.partition("*")[0]
        self._matches = re.compile(_runs(text, ".*"), re.DOTALL).fullmatch

    @classmethod
    def parse(cls, text: str) -> TagGlob:
        """The glob that `text` says. Raises `GlobInvalid`."""
        return _tag_glob(text)

    def matches(self, tag: str) -> bool:
        """Whether the whole of `tag` matches."""
        return self._matches(tag) is not None

    @property
    def everything(self) -> bool:
        """Whether it matches every tag."""
        return not self.text.strip("*")


def parse_scope(text: str) -> tuple[RepositoryGlob, TagGlob | None]:
    """`REPO-GLOB[:TAG-GLOB]`. Raises `GlobInvalid`."""
    repository, colon, tag = text.partition(":")
    return RepositoryGlob.parse(repository), TagGlob.parse(tag) if colon else None


@lru_cache(65536)
def _repository_glob(text: str) -> RepositoryGlob:
    if not text or len(text) > _REPOSITORY_LIMIT:
        raise GlobInvalid(f"a repository glob has 1 to {_REPOSITORY_LIMIT} characters")
    for segment in text.split("/"):
        if segment != "**" and ("**" in segment or not _SEGMENT.match(segment)):
            raise GlobInvalid(
                f"{text[:64]!r} is no repository glob: segments of lower-case letters, digits, '.', '_', '-' and '*', "
                "or '**' as a whole segment"
            )
    return RepositoryGlob(text)


@lru_cache(65536)
def _tag_glob(text: str) -> TagGlob:
    if not text or len(text) > _TAG_LIMIT or not _TAG.match(text):
        raise GlobInvalid(f"{text[:64]!r} is no tag glob: 1 to {_TAG_LIMIT} letters, digits, '.', '_', '-' and '*'")
    return TagGlob(text)


def _pattern(segments: tuple[str, ...]) -> str:
    """A regular expression over whole names. A `**` takes the slash that is beside it along."""
    if segments == ("**",):
        return ".+"
    parts: list[str] = []
    for i, segment in enumerate(segments):
        last = i == len(segments) - 1
        if segment == "**":
            parts.append("(?:/[^/]+)*" if last and i else ".+" if last else "(?:[^/]+/)*")
        else:
            parts.append(_runs(segment, "[^/]*"))
            if not last and not (segments[i + 1] == "**" and i + 1 == len(segments) - 1):
                parts.append("/")
    return "".join(parts)


def _runs(text: str, star: str) -> str:
    return star.join(re.escape(part) for part in re.split(r"\*+", text))
