"""What a registry asks for (`WWW-Authenticate`), and to whom credentials may be shown because of it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_TOKEN_SERVICES = {
    "registry-1.docker.io": frozenset({"auth.docker.io"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}
"""Token services that stand elsewhere than their registry, by what their operators document."""
_SCHEME = re.compile(r"\s*(?:,\s*)*([A-Za-z][A-Za-z0-9-]*)\s+(?=[A-Za-z])")
_FIELD = re.compile(r'\s*,?\s*([A-Za-z_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_LONGEST = 8192


class Challenge(NamedTuple):
    """One way to log in. `scheme`: in lower case; `realm`, `service`: '' where they are not said."""

    scheme: str
    realm: str = ""
    service: str = ""


def challenges(header: str) -> list[Challenge]:
    """The ways that a header names, in their order (RFC 9110, 11.6.1); what cannot be read ends the list."""
    found: list[Challenge] = []
    text = header[:_LONGEST]
    at = 0
    while (scheme := _SCHEME.match(text, at)) is not None:
        at = scheme.end()
        fields: dict[str, str] = {}
        while (field := _FIELD.match(text, at)) is not None:
            fields[field[1].lower()] = re.sub(r"\\(.)", r"\1", field[2]) if field[2] is not None else field[3]
            at = field.end()
        found.append(Challenge(scheme[1].lower(), fields.get("realm", ""), fields.get("service", "")))
    return found


def may_know(base: str, realm: str) -> bool:
    """Whether the credentials for the registry `base` may go to its token service `realm`: on its own host, scheme and
    port, or where its operator is known to have it (CVE-2026-33540)."""
    ours, theirs = urlsplit(base), urlsplit(realm)
    if (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc):
        return True
    return theirs.scheme == "https" and theirs.netloc in _TOKEN_SERVICES.get(ours.netloc, frozenset())
