"""What was said of paths, and what they hold, as several services show it; and saying something else."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.db.port import Reader, Unit
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.saying import MOST_LABELS, Facts, Saying

NOTHING = Facts()


async def facts_of(reader: Reader, paths: Sequence[str]) -> dict[str, Facts]:
    """What was said of each of `paths`; those of which nothing was said are left out."""
    if not paths:
        return {}
    labels: dict[str, list[tuple[str, str]]] = {}
    for label in await reader.all(store.LABELS, paths=paths):
        labels.setdefault(label.path, []).append((label.name, label.value))
    found = {path: Facts("", tuple(labels[path])) for path in labels}
    for row in await reader.all(store.FACTS, paths=paths):
        found[row.path] = Facts(row.description, tuple(labels.get(row.path, ())), row.made_at, row.made_by)
    return found


async def say(unit: Unit, permit: PathPermit, path: str, saying: Saying) -> dict[str, object]:
    """Let `saying` be said of `path`; returns what the journal tells of it. Raises `Invalid` for too many labels."""
    if saying.description is not None:
        made = {"made_by": permit.subject.actor}
        await unit.run(store.DESCRIBE, path=path, description=saying.description, **made)
    for name in sorted(saying.without):
        await unit.run(store.DROP_LABEL, path=path, name=name)
    for name in sorted(saying.labels):
        await unit.run(store.PUT_LABEL, path=path, name=name, value=saying.labels[name])
    if saying.labels and len(await unit.all(store.LABELS, paths=[path])) > MOST_LABELS:
        raise Invalid("labels", f"a path has at most {MOST_LABELS} labels")
    told: dict[str, object] = {}
    if saying.description is not None:
        told["description"] = True
    if saying.labels:
        told["labels"] = dict(sorted(saying.labels.items()))
    if saying.without:
        told["without"] = sorted(saying.without)
    return told
