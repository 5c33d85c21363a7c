"""Globs over repository names and tags, parsed once.

Repository globs match whole names: `*` is any run of characters inside a segment, `**` as a whole segment is any number
of segments (none too, so `a/**` includes `a`). Tag globs match whole tags: `*` is any run of characters. Nothing else
is special. A match costs no more than one walk over the name for each part of the glob, whatever the glob.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

REPOSITORY_LIMIT = 255 + len("/**")
"""So that everything below any name has a glob."""
TAG_LIMIT = 128
_SEGMENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z|[a-z0-9._-]*\*[a-z0-9._*-]*\Z")
_TAG = re.compile(r"[\w*][\w.*-]*\Z", re.ASCII)


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
        self._matches = _over_names(self.segments, self.home)

    @classmethod
    def parse(cls, text: str) -> RepositoryGlob:
        """The glob that `text` says. Raises `GlobInvalid`."""
        return _repository_glob(text)

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` matches."""
        return self._matches(name)

    @property
    def everything(self) -> bool:
        """Whether it matches every name."""
        return all(segment == "**" for segment in self.segments)

    def __repr__(self) -> str:
        return f"RepositoryGlob({self.text!r})"


class TagGlob:
    """A glob over tags. `prefix`: the literal text that every match begins with."""

    __slots__ = ("_matches", "everything", "prefix", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.prefix = text.partition("*")[0]
        self.everything = not text.strip("*")
        self._matches = _over_characters(text)

    @classmethod
    def parse(cls, text: str) -> TagGlob:
        """The glob that `text` says. Raises `GlobInvalid`."""
        return _tag_glob(text)

    def matches(self, tag: str) -> bool:
        """Whether the whole of `tag` matches."""
        return self._matches(tag)

    def covers(self, other: TagGlob) -> bool:
        """Whether every tag that `other` matches is matched by this one too. (A tag that stands for `other`: its runs
        are a character that no glob holds, so that only a `*` here can take them.)"""
        return self.everything or self._matches(other.text.replace("*", "\0"))

    def __repr__(self) -> str:
        return f"TagGlob({self.text!r})"


def parse_scope(text: str) -> tuple[RepositoryGlob, TagGlob | None]:
    """`REPO-GLOB[:TAG-GLOB]`. Raises `GlobInvalid`."""
    repository, colon, tag = text.partition(":")
    return RepositoryGlob.parse(repository), TagGlob.parse(tag) if colon else None


@lru_cache(4096)
def text_glob(text: str) -> Callable[[str], bool]:
    """What tells whether the whole of a text matches `text`, of which only `*` (any run of characters) is special."""
    return _over_characters(text)


@lru_cache(65536)
def _repository_glob(text: str) -> RepositoryGlob:
    if not text or len(text) > REPOSITORY_LIMIT:
        raise GlobInvalid(f"a repository glob has 1 to {REPOSITORY_LIMIT} characters")
    for segment in text.split("/"):
        if segment != "**" and ("**" in segment or not _SEGMENT.match(segment)):
            raise GlobInvalid(
                f"{text[:64]!r} is no repository glob: segments of lower-case letters, digits, '.', '_', '-' and '*', "
                "or '**' as a whole segment"
            )
    return RepositoryGlob(text)


@lru_cache(65536)
def _tag_glob(text: str) -> TagGlob:
    if not text or len(text) > TAG_LIMIT or not _TAG.match(text):
        raise GlobInvalid(f"{text[:64]!r} is no tag glob: 1 to {TAG_LIMIT} letters, digits, '.', '_', '-' and '*'")
    return TagGlob(text)


def _always(_name: str) -> bool:
    return True


def _over_names(segments: tuple[str, ...], home: str) -> Callable[[str], bool]:
    """What tells whether a name matches; the usual forms need no walk."""
    if all(segment == "**" for segment in segments):
        return _always
    if "*" not in "".join(segments):
        return home.__eq__
    if segments[-1] == "**" and home.count("/") == len(segments) - 2:
        below = home + "/"
        return lambda name: name.startswith(below) or name == home
    blocks: list[list[Callable[[str], bool]]] = [[]]
    for segment in segments:
        if segment == "**":
            blocks.append([])
        else:
            blocks[-1].append(_over_characters(segment))
    return lambda name: _walk(blocks, name.split("/"))


def _walk(blocks: Sequence[Sequence[Callable[[str], bool]]], parts: Sequence[str]) -> bool:
    """Whether the blocks, with any number of parts between two of them, are all of `parts`: each block at the first
    place where it fits, the last one at the end."""

    def fits(block: Sequence[Callable[[str], bool]], at: int) -> bool:
        return all(test(parts[at + i]) for i, test in enumerate(block))

    first, last = blocks[0], blocks[-1]
    if len(blocks) == 1:
        return len(parts) == len(first) and fits(first, 0)
    end = len(parts) - len(last)
    at = len(first)
    if at > end or not fits(first, 0) or not fits(last, end):
        return False
    for block in blocks[1:-1]:
        while at + len(block) <= end and not fits(block, at):
            at += 1
        at += len(block)
        if at > end:
            return False
    return True


def _over_characters(text: str) -> Callable[[str], bool]:
    """What tells whether a text matches a glob of which only `*` is special."""
    if "*" not in text:
        return text.__eq__
    first, *middle, last = text.split("*")
    middle = [part for part in middle if part]
    if not middle and not last:
        return (lambda given: given.startswith(first)) if first else _always
    shortest = len(first) + len(last)

    def matches(given: str) -> bool:
        end = len(given) - len(last)
        if len(given) < shortest or not given.startswith(first) or not given.endswith(last):
            return False
        at = len(first)
        for part in middle:
            at = given.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches
