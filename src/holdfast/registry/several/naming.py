"""The names that tags get: each name of one pattern becomes one of another, `*` standing for the same in both."""

from __future__ import annotations

from holdfast.access.errors import Invalid
from holdfast.oci.errors import TagInvalid
from holdfast.oci.name import Tag
from holdfast.registry.several.model import Wish

_MOST = 128


def check_naming(wish: Wish) -> None:
    """Raise `Invalid` unless the patterns can be followed."""
    for field, text in (("match", wish.match), ("pattern", wish.pattern)):
        if text.count("*") != 1 or len(text) > _MOST or not text.isprintable():
            raise Invalid(field, "write a name with one *, which stands for the rest of the old name: release-*")


def named_anew(wish: Wish, name: str) -> Tag:
    """The name that the tag `name` gets. Raises `Invalid`, whose text says why it gets none."""
    before, after = wish.match.split("*")
    stem = name[len(before) : len(name) - len(after)]
    if f"{before}{stem}{after}" != name:
        raise Invalid("match", f"its name is not like {wish.match}")
    new = wish.pattern.replace("*", stem)
    try:
        return Tag.parse(new)
    except TagInvalid as error:
        raise Invalid("pattern", f"{new[:_MOST]!r} is no name of a tag") from error
