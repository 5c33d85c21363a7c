"""What somebody asks for, checked by itself: it could be, whoever asks and whatever there is."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import SYSTEM_ACTIONS, TAG_ACTIONS, Action
from holdfast.oci.errors import NameInvalid, TagInvalid
from holdfast.oci.name import RepositoryName, Tag

TEXT_LIMIT = 512


class Wish(NamedTuple):
    """What is asked for, checked by itself."""

    action: Action
    repository: str
    tag: str | None
    note: str


def wished(action: str, repository: str, tag: str | None, note: str) -> Wish:
    """What is asked for, in values. Raises `Invalid`."""
    try:
        wanted = Action(action)
    except ValueError as error:
        raise Invalid("action", f"{action[:64]!r} is no action") from error
    if wanted in SYSTEM_ACTIONS:
        raise Invalid("action", f"{wanted} is of the installation: ask an administrator")
    try:
        place = RepositoryName.parse(repository)
        label = Tag.parse(tag) if tag is not None and wanted in TAG_ACTIONS else None
    except NameInvalid as error:
        raise Invalid("repository", error.reason) from error
    except TagInvalid as error:
        raise Invalid("tag", error.reason) from error
    return Wish(wanted, place, label, text_of("note", note))


def text_of(field: str, text: str) -> str:
    """`text` as one line, white space folded. Raises `Invalid`."""
    found = " ".join(text.split())
    if len(found) > TEXT_LIMIT or not found.isprintable():
        raise Invalid(field, f"this is one line of at most {TEXT_LIMIT} printable characters")
    return found
