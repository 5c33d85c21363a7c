"""What pages load from here: one stylesheet and a mark, under addresses that change with them, so that browsers keep
them."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import NamedTuple

_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file: where it is served, its type, its bytes."""

    path: str
    media_type: str
    body: bytes


class Assets:
    """Every file that pages load."""

    def __init__(self) -> None:
        self.style = _asset("css")
        self.icon = _asset("svg")
        self._by_path = {each.path: each for each in (self.style, self.icon)}

    def at(self, path: str) -> Asset | None:
        """The file that is served at `path`."""
        return self._by_path.get(path)


def _asset(kind: str) -> Asset:
    body = (files("holdfast.web") / "assets" / f"holdfast.{kind}").read_bytes()
    return Asset(f"/assets/holdfast-{hashlib.sha256(body).hexdigest()[:12]}.{kind}", _TYPES[kind], body)
