"""The use-case of verify: the invariants of design 9, one after the other, over one data directory.

Promises: without `repair` nothing is written; a server may run beside it, and what it writes meanwhile is never taken
for damage; every page of rows is one short read, and memory grows by eight bytes for each object, no more.
"""

from __future__ import annotations

from holdfast.db.errors import Damaged
from holdfast.registry.verify.checks_content import check_content
from holdfast.registry.verify.checks_guard import adopt, check_guard
from holdfast.registry.verify.checks_ledger import check_ledger
from holdfast.registry.verify.checks_links import check_edges, check_links
from holdfast.registry.verify.checks_litter import check_objects, check_staged
from holdfast.registry.verify.checks_orphans import check_orphans
from holdfast.registry.verify.checks_repositories import check_repositories
from holdfast.registry.verify.checks_tags import check_tags
from holdfast.registry.verify.checks_uploads import check_uploads
from holdfast.registry.verify.inspection import Inspection, Site
from holdfast.registry.verify.keys import KnownKeys
from holdfast.registry.verify.model import Damage, Finding, Outcome, Report


async def verify(site: Site, outcome: Outcome, report: Report) -> None:
    """Look at everything, mend where `outcome.options` says so, and add what is wrong to `outcome`.

    The order is that of repairs: content first, because what hangs on it asks whether it is good.
    Raises `DatabaseError`, `BlobError`.
    """
    run = Inspection(site, outcome, report)
    known = KnownKeys()
    try:
        await check_content(run, known)
        await check_uploads(run)
        await check_repositories(run)
        await check_tags(run)
        await check_edges(run)
        await check_links(run)
        await check_orphans(run)
        await check_ledger(run)
        await check_guard(run)
        await check_staged(run)
        await check_objects(run, known)
        await adopt(run)
    except Damaged as error:
        add_corruption(outcome, [str(error)])


def add_corruption(outcome: Outcome, faults: list[str]) -> None:
    """Report what the engine says of a database file that is damaged."""
    for fault in faults:
        outcome.add(Finding(Damage.DATABASE_CORRUPT, None, "database", fault))
