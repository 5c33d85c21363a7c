"""Whether the database is older than what was last deleted from its store, and the word that lets sweeping go on."""

from __future__ import annotations

from holdfast.registry.sweep.guard import Restored
from holdfast.registry.verify.inspection import Inspection
from holdfast.registry.verify.model import Damage, Finding

_REASON = (
    "the blob store was swept by a newer state of this database, which was probably restored from an older copy; "
    "nothing is swept until --adopt"
)


async def check_guard(run: Inspection) -> None:
    """Report a database that does not know its store's guard; with `adopt` it is told of at the end, as mended."""
    run.outcome.checked["guard"] += 1
    try:
        await run.guard.check()
    except Restored:
        run.restored = True
        if not run.options.adopt:
            run.outcome.add(_finding())


async def adopt(run: Inspection) -> None:
    """Set the guard anew, unless objects are missing and not marked: then another copy may be the better one."""
    if not run.options.adopt:
        return
    missing = run.outcome.found[Damage.OBJECT_MISSING] - run.outcome.repaired[Damage.OBJECT_MISSING]
    if missing and not run.options.force:
        run.outcome.notes.append(
            f"not adopted: {missing} objects are missing that this database needs. Restore a newer copy of the "
            "database if there is one; else mark what is lost with --repair, or adopt with --force"
        )
        if run.restored:
            run.outcome.add(_finding())
        return
    await run.guard.adopt()
    if run.restored:
        run.outcome.add(_finding()._replace(repaired=True))


def _finding() -> Finding:
    return Finding(Damage.DATABASE_RESTORED, None, "database", _REASON)
