"""Places in lists of history, as texts that clients hand back."""

from __future__ import annotations

from holdfast.access.errors import Invalid
from holdfast.registry.history.model import ALWAYS, Cursor
from holdfast.registry.history.undelete.model import Cursor as GoneCursor


def read_change(text: str) -> Cursor | None:
    """The place of a change, None for ''. Raises `Invalid`."""
    if not text:
        return None
    at, _, rest = text.partition("/")
    repo_id, slash, tag = rest.partition("/")
    if not slash or not _numbers(at, repo_id):
        raise _invalid()
    return Cursor(min(int(at), ALWAYS), min(int(repo_id), ALWAYS), tag)


def change_text(place: Cursor | None) -> str | None:
    """The inverse of `read_change`."""
    return "/".join(map(str, place)) if place is not None else None


def read_place(text: str) -> tuple[str, str]:
    """A repository and a tag. Raises `Invalid`."""
    path, colon, tag = text.partition(":")
    if text and not colon:
        raise _invalid()
    return path, tag


def place_text(place: tuple[str, str] | None) -> str | None:
    """The inverse of `read_place`."""
    return ":".join(place) if place is not None else None


def read_gone(text: str) -> GoneCursor | None:
    """The place of something deleted, None for ''. Raises `Invalid`."""
    if not text:
        return None
    parts = text.split("/", 3)
    if len(parts) != 4 or not _numbers(*parts[:3]):
        raise _invalid()
    at, is_tag, id_ = (min(int(part), ALWAYS) for part in parts[:3])
    return GoneCursor(at, bool(is_tag), parts[3], id_)


def gone_text(place: GoneCursor | None) -> str | None:
    """The inverse of `read_gone`."""
    return f"{place.at}/{int(place.is_tag)}/{place.id}/{place.name}" if place is not None else None


def _numbers(*texts: str) -> bool:
    return all(text.isascii() and text.isdecimal() and len(text) <= 19 for text in texts)


def _invalid() -> Invalid:
    return Invalid("after", "this is no cursor of this list: begin again without it")
