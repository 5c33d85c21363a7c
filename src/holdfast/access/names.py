"""The names of users, robots and keys.

A user's name is 1 to 64 letters (capitals count), digits, '.', '_', '-' and '@', and begins and ends with a letter or a
digit: so it survives Basic, a path and a shell. A robot is called `NAMESPACE+NAME`; no user's name has a '+', so the
two are never mistaken for each other. No two users differ in capitals only, and none is called as a neutral name is.
"""

from __future__ import annotations

import re

from holdfast.access.errors import Invalid
from holdfast.access.neutral import is_neutral
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName

NAME_LIMIT = 64
DESCRIPTION_LIMIT = 512
_LOOKED_FOR = 512
_USER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?\Z")
_LOWER = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")


def may_exist(text: str) -> bool:
    """Whether anything can have this name, so that it may be looked for: databases refuse some characters."""
    return 0 < len(text) <= _LOOKED_FOR and text.isprintable()


def check_after(text: str) -> None:
    """Raise `Invalid` unless `text` is '' or may be a name, after which a list goes on."""
    if text and not may_exist(text):
        raise Invalid("after", "there is no such place in the list")


def user_name(text: str) -> str:
    """`text`, if it can be a user's name. Raises `Invalid`."""
    if len(text) > NAME_LIMIT or not _USER.match(text):
        raise Invalid(
            "name",
            f"a user's name has 1 to {NAME_LIMIT} letters, digits, '.', '_', '-' and '@', and begins and ends with a "
            "letter or a digit",
        )
    if is_neutral(text):
        raise Invalid("name", f"{text!r} is kept for keys and tokens that are given without a user's name")
    return text


def robot_name(namespace: str, name: str) -> str:
    """`NAMESPACE+NAME`. Raises `Invalid`."""
    if len(name) > NAME_LIMIT or not _LOWER.match(name):
        raise Invalid(
            "name",
            f"a robot's name has 1 to {NAME_LIMIT} lower-case letters and digits, with single '.', '_' or '-' between",
        )
    return f"{namespace_path(namespace)}+{name}"


def namespace_path(text: str) -> str:
    """`text`, if it can be the path of a namespace. Raises `Invalid`."""
    try:
        return RepositoryName.parse(text)
    except NameInvalid as error:
        raise Invalid("namespace", error.reason) from error


def key_name(text: str) -> str:
    """`text`, if it can be the name of a key. Raises `Invalid`."""
    if len(text) > NAME_LIMIT or not _USER.match(text):
        raise Invalid(
            "name",
            f"a key's name has 1 to {NAME_LIMIT} letters, digits, '.', '_', '-' and '@', and begins and ends with a "
            "letter or a digit",
        )
    return text


def description_text(text: str | None, field: str = "description", what: str = "a description") -> str | None:
    """`text`, if it can describe something: one line; '' is none. Raises `Invalid`, which names `field` and says `what`
    it is."""
    if text is None or not text.strip():
        return None
    if len(text) > DESCRIPTION_LIMIT or not text.isprintable():
        raise Invalid(field, f"{what} is one line of at most {DESCRIPTION_LIMIT} printable characters")
    return text.strip()
