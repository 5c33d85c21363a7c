"""Whether a permit still holds, asked inside the snapshot or the unit that relies on it."""

from __future__ import annotations

from holdfast.access.errors import StalePermit
from holdfast.access.model import UNCHECKED, CatalogPermit, Identity, Permit
from holdfast.access.store import STANDING
from holdfast.db.port import Reader


def prove(holder: Permit | Identity, version: int) -> None:
    """Raise `StalePermit` unless `version`, the policy version that a statement returned, is the one decided at."""
    if holder.version not in (UNCHECKED, version):
        raise StalePermit


async def check_permit(reader: Reader, permit: Permit | CatalogPermit) -> None:
    """Raise `StalePermit` when the permit's account changed since the permit was issued."""
    if permit.version == UNCHECKED:
        return
    row = await reader.one(STANDING, id=permit.subject.id)
    if row is None or row.changed is None or row.changed > permit.version:
        raise StalePermit
