"""The parts of `/me` as tabs."""

from __future__ import annotations

from holdfast.web.frame import Shown

_PARTS = (
    ("account", "Account", "/me"),
    ("keys", "Keys", "/me/keys"),
    ("sign-in", "Sign-in", "/me/sign-in"),
    ("shortcuts", "Shortcuts", "/me/shortcuts"),
)
NOT_KEPT = (("cache-control", "no-store, no-transform"),)
"""For a page that shows a secret once."""


def tabs(current: str) -> list[Shown]:
    """The tabs, one of them the page itself."""
    return [Shown(title, href, key == current) for key, title, href in _PARTS]
