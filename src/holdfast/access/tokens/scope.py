"""Scopes of the token specification, read and written.

`TYPE[(CLASS)]:NAME:ACTION[,ACTION...]`; a name may hold a port, a class is left out, a type that is not known is kept,
so that the token lists it with no action. Source: distribution, "Token Scope Documentation".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from holdfast.access.errors import Invalid
from holdfast.access.model import ScopeEntry

REPOSITORY = "repository"
REGISTRY = "registry"
CATALOG = "catalog"
MANAGEMENT = "management"
_MOST = 64
_LONGEST = 512
_TYPE = re.compile(r"([a-z0-9]{1,32})(?:\([a-z0-9]{1,32}\))?\Z")
_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,400}\Z")
_ACTION = re.compile(r"[a-z]{1,32}\Z|\*\Z")


def parse_scopes(texts: Iterable[str]) -> tuple[ScopeEntry, ...]:
    """The scopes of a request, each text one or several of them, those of one name together, in their order.

    Raises `Invalid` for what is no scope, and for more of them than any honest client asks for.
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    for text in texts:
        for word in text.split():
            kind, name, actions = _parsed(word)
            found[kind, name] = found.get((kind, name), frozenset()) | actions
            if len(found) > _MOST:
                raise Invalid("scope", f"a token is for at most {_MOST} names")
    return tuple(ScopeEntry(kind, name, actions) for (kind, name), actions in found.items())


def _parsed(word: str) -> tuple[str, str, frozenset[str]]:
    kind, _, rest = word.partition(":")
    name, _, listed = rest.rpartition(":")
    known = _TYPE.match(kind)
    actions = listed.split(",") if listed else []
    if len(word) > _LONGEST or not known or not _NAME.match(name) or not all(map(_ACTION.match, actions)):
        raise Invalid("scope", "a scope is TYPE:NAME:ACTION[,ACTION]")
    return known[1], name, frozenset(actions)


def scope_text(entry: ScopeEntry) -> str:
    """`entry` as it is asked for."""
    return f"{entry.kind}:{entry.name}:{','.join(in_order(entry.actions))}"


def in_order(actions: Iterable[str]) -> list[str]:
    """Actions as people write them: pull before push before the others."""
    return sorted(actions, key=lambda action: ({"pull": 0, "push": 1}.get(action, 2), action))
