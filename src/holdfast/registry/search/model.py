"""What is searched for, and what is found."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.errors import Invalid

LONGEST = 256
"""Characters of what is searched for, and of a term that is kept."""
LEAST_HEX = 7
_DIGEST = re.compile(r"(?:(sha256|sha384|sha512):)?([0-9a-f]{7,128})")
_HOST = re.compile(r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)(?::\d+)?|[a-zA-Z0-9-]+:\d+")
_NAME = re.compile(r"[a-zA-Z0-9._/-]+")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]*")
_ALGORITHMS = ("sha256", "sha384", "sha512")
_NEXT = "\x01"
_ABOVE = "\U0010ffff"


class Kind(StrEnum):
    """What is looked at, in the order in which it is."""

    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"
    LABEL = "label"
    ANNOTATION = "annotation"
    TYPE = "type"


class Match(StrEnum):
    """How what is searched for and what is there belong together."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUBSTRING = "substring"


class Hit(NamedTuple):
    """Something that was found. `text`: what matched, as it is written there; `path`: a repository, or the namespace
    that a label is on (then there is neither `tag` nor `digest`, and it is no `repository`)."""

    kind: Kind
    path: str
    text: str
    tag: str | None = None
    digest: str | None = None
    repository: bool = True


class Range(NamedTuple):
    """Texts from `low` on, before `high`."""

    low: str
    high: str


class Asked(NamedTuple):
    """A search. `text` as written, `folded` for what is kept folded; `within`: only in repositories of this name, or
    whose name ends with it, '' any."""

    text: str
    folded: str
    kinds: tuple[Kind, ...]
    match: Match
    within: str = ""

    def tag_matches(self, tag: str) -> bool:
        """Whether a tag is wanted: as written, but for a substring in any case."""
        if self.match is Match.SUBSTRING:
            return self.folded in tag.casefold()
        return tag == self.text or (self.match is Match.PREFIX and tag.startswith(self.text))

    def term_matches(self, term: str) -> bool:
        """Whether a folded term is wanted."""
        if self.match is Match.SUBSTRING:
            return self.folded in term
        return term == self.folded or (self.match is Match.PREFIX and term.startswith(self.folded))

    def said_matches(self, term: str, said: str) -> bool:
        """Whether what is kept under `term` is wanted; what is `said` is kept under its value as well, and is wanted
        once."""
        whole = said.casefold()[:LONGEST]
        return self.term_matches(term) and (term == whole or not self.term_matches(whole))

    def name_matches(self, path: str) -> bool:
        """Whether the name of a repository, or what it ends with, is wanted."""
        if self.match is Match.SUBSTRING:
            return self.folded in path
        return any(self.term_matches(suffix) for suffix in suffixes(path))

    def range_of(self, text: str) -> Range:
        """Where what is wanted stands in an order by text."""
        if self.match is Match.SUBSTRING:
            return Range("", _ABOVE)
        return Range(text, text + (_NEXT if self.match is Match.EXACT else _ABOVE))

    def is_within(self, path: str) -> bool:
        """Whether a repository is one that is looked in."""
        return not self.within or path == self.within or path.endswith("/" + self.within)

    def digests(self) -> list[Range]:
        """Where digests stand that begin so; none when the text is no beginning of a digest."""
        found = _DIGEST.fullmatch(self.folded)
        if found is None:
            return []
        given, digits = found.groups()
        return [Range(f"{each}:{digits}", f"{each}:{digits}{_ABOVE}") for each in _ALGORITHMS if given in (None, each)]


def suffixes(path: str) -> list[str]:
    """`a/b/c`, `b/c`, `c`."""
    parts = path.split("/")
    return ["/".join(parts[first:]) for first in range(len(parts))]


def asked(text: str, kinds: tuple[Kind, ...], match: Match) -> Asked:
    """What a query means: a word; `NAME:TAG`, `NAME@DIGEST`, also with the registry's address before it. Raises
    `Invalid`."""
    words = text.strip()
    if not words or len(words) > LONGEST or not words.isprintable():
        raise Invalid("q", f"search for 1 to {LONGEST} printable characters")
    head, slash, rest = words.partition("/")
    if slash and rest and _HOST.fullmatch(head):
        words = rest
    wanted = tuple(kind for kind in Kind if kind in kinds) if kinds else tuple(Kind)
    name, at, digest = words.partition("@")
    if at and _DIGEST.fullmatch(digest.casefold()):
        return Asked(digest, digest.casefold(), _only(wanted, Kind.DIGEST), match, name.partition(":")[0])
    name, _, tag = words.partition(":")
    if _DIGEST.fullmatch(words.casefold()) or not (_NAME.fullmatch(name) and _TAG.fullmatch(tag)):
        return Asked(words, words.casefold(), wanted, match)
    return Asked(tag, tag.casefold(), _only(wanted, Kind.TAG), match, name.casefold())


def _only(wanted: tuple[Kind, ...], kind: Kind) -> tuple[Kind, ...]:
    return tuple(each for each in wanted if each is kind)
