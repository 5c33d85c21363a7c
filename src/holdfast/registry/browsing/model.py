"""What is asked of the lists, and what they answer with: values.

A list is a keyset list: a page begins after, or ends before, a place; places are opaque texts that a list gave. A page
may hold less than was asked for and still have neighbours: a filter that finds little stops after a while.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from holdfast.access.errors import Invalid

PATIENCE = 0.12
"""Seconds after which a filter that finds little stops, and says where to go on."""
MOST_TEXT = 128
MOST_ROWS = 200
MOST_NAME = 255

Line = TypeVar("Line")
Key = tuple[str | int, ...]


class TagSort(StrEnum):
    """What tags are sorted by; where that is the same, by name."""

    VERSION = "version"
    NAME = "name"
    PUSHED = "pushed"
    PULLED = "pulled"
    SIZE = "size"


class RepositorySort(StrEnum):
    """What repositories are sorted by; where that is the same, by name. `FREES` is for operators."""

    NAME = "name"
    PUSHED = "pushed"
    PULLED = "pulled"
    SIZE = "size"
    TAGS = "tags"
    FREES = "frees"


class Place(NamedTuple):
    """Where a page begins or ends. `after`, `before`: places that a list of the same sort gave, '' none; not both."""

    sort: str
    descending: bool = False
    after: str = ""
    before: str = ""
    limit: int = 50

    @property
    def backwards(self) -> bool:
        """Whether the page is the one that ends before a place."""
        return bool(self.before)

    def key(self) -> Key | None:
        """The key that the page begins after, or ends before. Raises `Invalid`."""
        text = self.before or self.after
        field = "before" if self.before else "after"
        if not text:
            return None
        try:
            sort, *key = json.loads(text)
        except (ValueError, TypeError):
            raise Invalid(field, "this is no place of this list") from None
        if sort != self.sort or not key or not all(isinstance(each, str | int) for each in key):
            raise Invalid(field, "this is no place of this list")
        return tuple(key)


def place_text(sort: str, key: Key) -> str:
    """A place as pages hand it on."""
    return json.dumps([str(sort), *key], separators=(",", ":"))


def place_at(sort: str, name: str, *, descending: bool) -> str:
    """The place before the first row at or beyond `name`, of a list by name or by version. Raises `Invalid`."""
    if not name.isascii() or not name.isprintable() or not 0 < len(name) <= MOST_NAME:
        raise Invalid("go", f"a name has at most {MOST_NAME} plain characters")
    # Nothing sorts between a name and what follows it here: no name has a character below `-`.
    bound = name + "!" if descending else name[:-1] + chr(ord(name[-1]) - 1) + "\x7f"
    return place_text(sort, (name, bound) if sort == TagSort.VERSION else (bound,))


class Found(NamedTuple, Generic[Line]):
    """A page. `next`, `previous`: the places after and before which the neighbours lie, None: there is none.
    `stopped`: the filter stopped looking; what is further on is found from `next` (or `previous`) on."""

    lines: list[Line]
    next: str | None
    previous: str | None
    stopped: bool = False


class TagFilter(NamedTuple):
    """Which tags are wanted; times are microseconds. `text`: somewhere in the name; `platform`: as `linux/arm64`, also
    the beginning of one; `actor`: who pushed it, as the journal has actors; `pushed_after`, `pushed_before`: 0: any."""

    prefix: str = ""
    glob: str = ""
    text: str = ""
    platform: str = ""
    actor: str = ""
    pushed_after: int = 0
    pushed_before: int = 0
    never_pulled: bool = False

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        return self != TagFilter()


class TagLine(NamedTuple):
    """A tag. `size`: of all its parts, each once (bytes); `platforms`: of an index or image, sorted as it lists them;
    `pushed_by`: None where the caller may not know, or nobody does any more; `pulled_at`: 0 not since use is known;
    `pulled_by`: only for who reads the audit; `locked`: the rule that forbids to move it, '' none; `held`: the one that
    forbids to delete it; `aliases`: further tags of the digest, at most `ALIASES`, `more_aliases`: there are more;
    `signed`: a signature is here, which nobody checked; `seq`: its place in the history of the repository."""

    name: str
    digest: str
    media_type: str
    artifact_type: str
    is_index: bool
    platforms: tuple[str, ...]
    size: int
    pushed_at: int
    pushed_by: str | None
    pulled_at: int
    pulled_by: str | None
    locked: str
    held: str
    aliases: tuple[str, ...]
    more_aliases: bool
    signed: bool
    seq: int


ALIASES = 3


class TagLines(NamedTuple):
    """A page of tags; `tracked_since`: since when use is known, None: it is not; `seq`: the place of the repository in
    its history, by which a later look tells what is new; `total`: its tags, None to who may not be told all, as they
    were counted a second or two ago; `folded`: those of them that belong to a digest, at most `MOST_FOLDED` and one."""

    found: Found[TagLine]
    tracked_since: int | None
    seq: int
    total: int | None
    folded: int = 0


MOST_FOLDED = 10_000


class RepositoryType(StrEnum):
    """What a repository holds, told by its newest tag."""

    IMAGE = "image"
    HELM = "helm"
    OTHER = "other"
    EMPTY = "empty"


class RepositoryFilter(NamedTuple):
    """Which repositories are wanted. `prefix`: their name begins with it; `text`: somewhere in it; `public`: None both;
    `kind`: what they hold; `idle_since`: neither pushed to nor pulled from since then, 0: any."""

    prefix: str = ""
    text: str = ""
    public: bool | None = None
    kind: RepositoryType | None = None
    idle_since: int = 0

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        return self != RepositoryFilter()


class RepositoryLine(NamedTuple):
    """A repository. `bytes`, `tags`: what it holds, None to who may not be told of all of it; `frees`: what its
    deletion would free as of the last count, only for operators; times are microseconds, 0: never."""

    path: str
    description: str
    public: bool
    kind: RepositoryType
    bytes: int | None
    tags: int | None
    frees: int | None
    pushed_at: int
    pulled_at: int


class Branch(NamedTuple):
    """A step of the tree: a repository (`line`), or a namespace. `bytes`, `tags`, `repositories`: all that is below it,
    None to who may not be told of all of it."""

    path: str
    line: RepositoryLine | None
    description: str
    public: bool
    repositories: int | None
    tags: int | None
    bytes: int | None


def parsed(kind: type[StrEnum], text: str, field: str) -> Any:
    """A member of `kind`. Raises `Invalid`."""
    try:
        return kind(text)
    except ValueError:
        raise Invalid(field, f"one of {', '.join(kind)}") from None
