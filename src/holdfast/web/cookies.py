"""The cookies of the pages (RFC 6265): for this host alone, out of reach of scripts, not sent from other sites' forms.

Over https their names begin with `__Host-`: a browser then takes them from this very host only, and sends them only
encrypted.
"""

from __future__ import annotations

import re

_LIMIT = 16 << 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]*\Z")


class Cookies:
    """Names, reads and writes cookies. `secure`: whether the pages are reached by https."""

    def __init__(self, *, secure: bool) -> None:
        self._prefix = "__Host-holdfast-" if secure else "holdfast-"
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, header: str, name: str) -> str:
        """The value of the cookie `name` in a Cookie header, '' when there is none, or more than one: then somebody
        else may have put one there."""
        wanted = self._prefix + name
        if len(header) > _LIMIT:
            return ""
        found = [
            value.strip()
            for key, equals, value in (part.partition("=") for part in header.split(";"))
            if equals and key.strip() == wanted
        ]
        return found[0] if len(found) == 1 else ""

    def write(self, name: str, value: str, seconds: int | None = None) -> str:
        """A Set-Cookie value. `seconds` None: until the browser is closed; 0: away with it. Raises ValueError for what
        is not made of letters, digits, '-' and '_'."""
        if not _TOKEN.match(name) or not _TOKEN.match(value):
            raise ValueError("no cookie can hold this")
        age = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{self._prefix}{name}={value}{age}{self._attributes}"
