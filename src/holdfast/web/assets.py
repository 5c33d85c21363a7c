"""What pages load from here: one stylesheet, one script, one sprite of icons, and a mark, under addresses that change
with them, so that browsers keep them; compressed once. The library for fragments is there where the wheel was built
with it, or `make` brought it."""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files
from typing import NamedTuple

_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "js": "text/javascript; charset=utf-8"}


class Asset(NamedTuple):
    """A file: where it is served, its type, its bytes, and the same compressed (gzip)."""

    path: str
    media_type: str
    body: bytes
    packed: bytes


class Assets:
    """Every file that pages load. `fragments` None: pages are loaded whole."""

    def __init__(self) -> None:
        self.style = _asset("holdfast.css")
        self.bare = _asset("without-script.css")
        self.script = _asset("holdfast.js")
        self.sprite = _asset("icons.svg")
        self.icon = _asset("holdfast.svg")
        self.fragments = _vendored("htmx.min.js")
        each = (self.style, self.bare, self.script, self.sprite, self.icon, self.fragments)
        self._by_path = {asset.path: asset for asset in each if asset is not None}

    def at(self, path: str) -> Asset | None:
        """The file that is served at `path`."""
        return self._by_path.get(path)


def _asset(name: str) -> Asset:
    return _named(name, (files("holdfast.web") / "assets" / name).read_bytes())


def _vendored(name: str) -> Asset | None:
    found = files("holdfast.web") / "assets" / "vendor" / name
    return _named(name, found.read_bytes()) if found.is_file() else None


def _named(name: str, body: bytes) -> Asset:
    stem, _, kind = name.rpartition(".")
    path = f"/assets/{stem}-{hashlib.sha256(body).hexdigest()[:12]}.{kind}"
    return Asset(path, _TYPES[kind], body, gzip.compress(body, 9, mtime=0))
