"""What the pages of lists take from their addresses: filters, as the services want them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from holdfast.access.errors import Invalid
from holdfast.console.moments import read_moment
from holdfast.registry.browsing.model import Place, RepositoryFilter, RepositoryType, TagFilter, TagSort, place_at
from holdfast.web.frame import redirect
from holdfast.web.listing import Listing
from holdfast.web.visit import Answer, Visit

Member = TypeVar("Member", bound=StrEnum)
TAG_FILTERS = ("q", "glob", "platform", "actor", "since", "until", "pulled")
REPOSITORY_FILTERS = ("q", "visibility", "type", "idle", "view")
_NEVER = "never"


def place_of(listing: Listing) -> Place:
    """Where the page of a list begins."""
    return Place(listing.sort, listing.descending, listing.after, listing.before, listing.limit)


def gone_to(visit: Visit, listing: Listing, path: str = "", *, tree: bool = False) -> Answer | None:
    """Where `go` of a list by name or by version leads: the page that begins at or beyond it; None: it is not asked
    for. `path`: what the names stand below; `tree`: those of namespaces end with `/`. Raises `Invalid`."""
    name = visit.query.get("go", "").strip()
    if not name or listing.sort not in (TagSort.NAME, TagSort.VERSION):
        return None
    if path and not name.startswith(f"{path}/"):
        name = f"{path}/{name}"
    whole = f"{name.rstrip('/')}/" if tree and listing.descending else name
    return redirect(listing.href(after=place_at(listing.sort, whole, descending=listing.descending)))


def tag_filter(given: Mapping[str, str], now: int, zone: str) -> TagFilter:
    """Which tags are wanted. Raises `Invalid`."""
    if given["pulled"] not in ("", _NEVER):
        raise Invalid("pulled", f"write '{_NEVER}', or nothing")
    return TagFilter(
        glob=given["glob"],
        text=given["q"],
        platform=given["platform"],
        actor=actor_of(given["actor"]),
        pushed_after=read_moment(given["since"], now, zone, "since") if given["since"] else 0,
        pushed_before=read_moment(given["until"], now, zone, "until") if given["until"] else 0,
        never_pulled=given["pulled"] == _NEVER,
    )


def actor_of(text: str) -> str:
    """Who is meant, as the journal has actors: `alice`, `team+ci`, or in full."""
    if not text or ":" in text:
        return text
    return f"robot:{text}" if "+" in text else f"user:{text}"


def repository_filter(given: Mapping[str, str], now: int, zone: str) -> RepositoryFilter:
    """Which repositories are wanted. Raises `Invalid`."""
    if given["visibility"] not in ("", "public", "private"):
        raise Invalid("visibility", "public or private")
    return RepositoryFilter(
        text=given["q"],
        public=given["visibility"] == "public" if given["visibility"] else None,
        kind=_member(RepositoryType, given["type"], "type") if given["type"] else None,
        idle_since=read_moment(given["idle"], now, zone, "idle") if given["idle"] else 0,
    )


def _member(kind: type[Member], text: str, field: str) -> Member:
    try:
        return kind(text)
    except ValueError:
        raise Invalid(field, f"one of {', '.join(kind)}") from None
