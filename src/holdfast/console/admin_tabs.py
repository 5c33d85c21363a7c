"""What the pages of who runs the registry have in common: their tabs, and who sees them."""

from __future__ import annotations

from holdfast.access.policy.model import Action
from holdfast.web.caller import Caller
from holdfast.web.frame import Frame, Shown
from holdfast.web.visit import Visit

_TABS = (
    ("users", "Users", "/admin/users", True),
    ("groups", "Groups", "/admin/groups", True),
    ("sign-in", "Sign-in", "/admin/sign-in", True),
    ("health", "Health", "/admin/health", False),
    ("steps", "First steps", "/start", True),
)


def admin_tabs(current: str, *, administers: bool) -> list[Shown]:
    """The tabs; those of administrators only for them. `current`: the key of one."""
    return [
        Shown(title, href, key == current)
        for key, title, href, administrators in _TABS
        if administers or not administrators
    ]


def require_administrator(frame: Frame, visit: Visit) -> Caller:
    """Who asks. Raises `Unauthenticated`, `Denied`."""
    caller = frame.signed_in(visit)
    permit = caller.at("")
    if not permit.system(Action.ADMINISTER):
        raise permit.rights.refuse(Action.ADMINISTER, "**", None, permit.here)
    return caller
