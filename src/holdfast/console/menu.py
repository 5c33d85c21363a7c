"""The menu and the tabs of the core's pages, and who sees them."""

from __future__ import annotations

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.web.slots import NavItem, Tab


def _person(permit: PathPermit) -> bool:
    return bool(permit.subject.id)


def _auditor(permit: PathPermit) -> bool:
    return _person(permit) and permit.rights.somewhere(Action.READ_AUDIT, permit.here)


def _operator(permit: PathPermit) -> bool:
    return permit.system(Action.OPERATE)


def _keeper(permit: PathPermit) -> bool:
    """Whoever keeps anything, or runs the registry."""
    return _operator(permit) or (_person(permit) and permit.rights.somewhere(Action.SETTINGS, permit.here))


def _administrator(permit: PathPermit) -> bool:
    return permit.system(Action.ADMINISTER) or _operator(permit)


def _here(permit: PathPermit, _path: str) -> bool:
    return _person(permit)


NAV = (
    NavItem("home", "Home", "/", "home", 10, _person),
    NavItem("repositories", "Repositories", "/n", "repository", 20),
    NavItem("uploads", "Uploads", "/uploads", "upload", 30, _person),
    NavItem("jobs", "Jobs", "/jobs", "jobs", 60, _person),
    NavItem("audit", "Audit", "/audit", "audit", 70, _auditor),
    NavItem("storage", "Storage", "/storage", "storage", 80, _keeper),
    NavItem("admin", "Administration", "/admin", "settings", 90, _administrator),
)
TABS = (
    Tab("overview", "Overview", "", "r", 10),
    Tab("repositories", "Repositories", "", "n", 10),
    Tab("tags", "Tags", "tags", "r", 20),
    Tab("history", "History", "history", "rn", 30),
    Tab("uploads", "Uploads", "uploads", "r", 60, _here),
    Tab("storage", "Storage", "storage", "n", 65, _here),
    Tab("access", "Access", "access", "rn", 70, _here),
    Tab("settings", "Settings", "settings", "rn", 80, _here),
)
