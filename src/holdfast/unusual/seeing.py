"""What the pages of unusual access have in common: who sees them, and their views."""

from __future__ import annotations

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.registry.namespaces.sight import require_sight
from holdfast.web.frame import Shown


def audits(permit: PathPermit) -> bool:
    """Whether the caller reads the audit of anything."""
    return bool(permit.subject.id) and permit.rights.somewhere(Action.READ_AUDIT, permit.here)


def keeps(permit: PathPermit) -> bool:
    """Whether there is anything of which the caller may make a canary."""
    return bool(permit.subject.id) and any(
        permit.rights.somewhere(action, permit.here) for action in (Action.SETTINGS, Action.MANAGE_ACCESS)
    )


def require_part(permit: PathPermit) -> None:
    """Raise `Denied` unless the caller reads the audit of anything."""
    if not audits(permit):
        permit.require_all(Action.READ_AUDIT, "")


def views(current: str) -> list[Shown]:
    """The views of unusual access of everything."""
    return [
        Shown("Alerts", "/unusual", current == "unusual"),
        Shown("Canaries", "/unusual/canaries", current == "canaries"),
    ]


async def require_seen(db: Database, permit: PathPermit, path: str) -> None:
    """Raise unless the caller may see some alert at or below the path."""
    if not path:
        require_part(permit)
    elif permit.lacks(Action.READ_AUDIT, path):
        await require_sight(db, permit, path)
        permit.require_all(Action.READ_AUDIT, path)


def number(text: str) -> int:
    """A number of the address. Raises `Unknown`."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Unknown("there is nothing of this number in your sight")
    return int(text)
