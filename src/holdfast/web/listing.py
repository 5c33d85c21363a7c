"""Lists on pages: how they are sorted and filtered, and where the page that is shown begins; all of it in the URL.

Promises: only sorts and filters that the page names are taken (rule 16); a cursor is handed on as it came, for the
service that made it; every link keeps what it does not change. Nothing is ever told by how many rows lie before it:
back leads before the first row, or, where a service reads in one direction alone, to the place that one came from,
which the URL keeps beside the one where it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from holdfast.access.errors import Invalid

LIMITS = (25, 50, 100, 200)
DEFAULT_LIMIT = 50
_LONGEST = 512
_MOST_PLACES = 64
_LONGEST_WAY = 2048
T = TypeVar("T")


class Column(NamedTuple):
    """A column of a table. `sort`: the key to sort by, '' it cannot be; `kind`: '' or `number`, which stands right."""

    title: str
    sort: str = ""
    kind: str = ""
    falls: bool = False


class Listing:
    """What the query of a page asks for, and after `found` where its neighbours begin.

    `sorts`: what one may sort by; `default`: as in the query, `-pushed` from the largest down."""

    def __init__(self, path: str, query: Mapping[str, str], sorts: Sequence[str], default: str, filters: Sequence[str]):
        self.path = path
        chosen = query.get("sort", "") or default
        self.descending = chosen.startswith("-")
        self.sort = chosen.removeprefix("-")
        if self.sort not in sorts:
            raise Invalid("sort", f"sort by one of {', '.join(sorts)}")
        self.after, self.before = _text(query, "after"), _text(query, "before")
        if self.after and self.before:
            raise Invalid("before", "give either 'after' or 'before'")
        self.way = _way(query.get("way", "")) if self.after else []
        self.limit = _limit(query.get("limit", ""))
        self.filters = {name: _text(query, name).strip() for name in filters}
        self._default = default
        self._kept = {name: value for name, value in query.items() if name in filters or name == "limit"}
        self.next: str | None = None
        self.previous: str | None = None
        self._goes_back = True

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return any(self.filters.values())

    @property
    def first(self) -> bool:
        """Whether this is the first page."""
        return not self.after and not self.before

    @property
    def older(self) -> int:
        """Where this page begins in a list by falling number, 0: at its beginning, or upwards (`newer`)."""
        return _number(self.after, "after")

    @property
    def newer(self) -> int:
        """The number above which this page of such a list is, 0: not upwards."""
        return _number(self.before, "before")

    @property
    def chosen(self) -> str:
        """The sort as the query writes it."""
        return f"-{self.sort}" if self.descending else self.sort

    def found(self, *, next: str | None, previous: str | None) -> None:
        """Say where the pages beside this one begin: cursors, None where there is none."""
        self.next, self.previous = next, previous

    def onward(self, next: str | None) -> None:
        """Say where the next page begins, of a list that is read in one direction: back goes the way one came."""
        self.next, self._goes_back = next, False

    def shown(self, found: Sequence[T], cursor: Callable[[T], object]) -> Sequence[T]:
        """The rows of this page, of one more than it has (`fetch`) in a list that is read in one direction. `cursor`:
        what the page after a row begins with."""
        rows = found[: self.limit]
        self.onward(str(cursor(rows[-1])) if len(found) > self.limit else None)
        return rows

    @property
    def fetch(self) -> int:
        """How many rows to ask for: one more than are shown tells whether there is a next page."""
        return self.limit + 1

    @property
    def next_href(self) -> str:
        """The next page, '' there is none."""
        if not self.next:
            return ""
        return self.href(after=self.next, way=None if self._goes_back else _written([*self.way, self.after]))

    @property
    def previous_href(self) -> str:
        """The page before, '' there is none, or nobody knows where it begins."""
        if self._goes_back:
            return self.href(before=self.previous) if self.previous else ""
        if not self.way:
            return ""
        return self.href(after=self.way[-1], way=_written(self.way[:-1]) if self.way[-1] else None)

    def href(self, **changes: str | None) -> str:
        """This list with some fields changed, None: without; a change of anything but the cursor begins anew."""
        fields = self.kept
        fields.update({name: value for name, value in changes.items() if value})
        for name, value in changes.items():
            if not value:
                fields.pop(name, None)
        return self.path + (f"?{urlencode(fields)}" if fields else "")

    def sorted_by(self, key: str, *, falls: bool = False) -> str:
        """The link of a column's head: sort by it, or turn round. `falls`: the first time from the largest down."""
        if key != self.sort:
            return self.href(sort=f"-{key}" if falls else key)
        return self.href(sort=key if self.descending else f"-{key}")

    @property
    def kept(self) -> dict[str, str]:
        """The fields that a form of this list carries on: its filters, its sort and how many rows it has."""
        return {**self._kept, **({"sort": self.chosen} if self.chosen != self._default else {})}

    @property
    def bare(self) -> str:
        """The list without any filter."""
        return self.href(**dict.fromkeys(self.filters))


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or int(text[:4]) not in LIMITS:
        raise Invalid("limit", f"a page has {', '.join(map(str, LIMITS))} rows")
    return int(text)


def _number(text: str, field: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(field, "this is no place of this list")
    return int(text)


def _way(text: str) -> list[str]:
    """The places of the pages before this one, the first one first; '' is the beginning of the list."""
    if not text:
        return []
    try:
        way = json.loads(text) if len(text) <= 2 * _LONGEST_WAY else None
    except (ValueError, RecursionError):
        way = None
    if not isinstance(way, list) or len(way) > _MOST_PLACES or not all(isinstance(each, str) for each in way):
        raise Invalid("way", "this is no way through this list")
    if any(len(each) > _LONGEST or "\0" in each for each in way):
        raise Invalid("way", "this is no way through this list")
    return way


def _written(way: Sequence[str]) -> str:
    """A way as the URL has it; of a long one the end."""
    kept = list(way[-_MOST_PLACES:])
    while kept and len(text := json.dumps(kept, separators=(",", ":"), ensure_ascii=False)) > _LONGEST_WAY:
        del kept[0]
    return text if kept else ""


def _text(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if len(value) > _LONGEST or not (value.isprintable() or name in ("after", "before")) or "\0" in value:
        raise Invalid(name, f"{name!r} has at most {_LONGEST} printable characters")
    return value
