"""The jobs that delete and bring back whole namespaces, repository by repository.

Promises: a repository that was made after the job was asked for stays; each is met once, whatever is made again
meanwhile; what cannot go (a tag in it may not be deleted) or come back (its name is taken) is left and told in the
result; a run that ends early is carried on where it stood. What was said of namespaces goes and comes with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.db.port import Reader, Unit
from holdfast.jobs.model import LEFT
from holdfast.jobs.run import Run
from holdfast.journal.model import Origin
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.immutability.rules import Blocked
from holdfast.registry.immutability.service import rules_for
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.ending import Actor, Ended, bring_back, end, held_back
from holdfast.registry.namespaces.sight import spans_of
from holdfast.registry.quotas.service import used
from holdfast.registry.reach.spans import Span

_BATCH = 20
_TOLD = 100
_JOB = "@job"
_PAGE = 500


class State:
    """How far a run is, as its checkpoint keeps it. `kept`: the first repositories that were left; `left`: the same,
    and why."""

    def __init__(self, saved: dict[str, Any] | None) -> None:
        begun = {"after": "", "repositories": 0, "tags": 0, "bytes": 0, "kept": []}
        self.saved: dict[str, Any] = {LEFT: [], **(saved or begun)}

    @property
    def after(self) -> str:
        """The name that the next batch begins after."""
        return str(self.saved["after"])

    @property
    def repositories(self) -> int:
        """How many are done."""
        return int(self.saved["repositories"])

    def with_batch(self, last: str, done: Sequence[Ended], left: Mapping[str, str]) -> State:
        """After one more batch, which ended with the name `last`; `left`: what could not be done, and why."""
        return State(
            {
                "after": last,
                "repositories": self.repositories + len(done),
                "tags": self.saved["tags"] + sum(each.tags for each in done),
                "bytes": self.saved["bytes"] + sum(each.bytes for each in done),
                "kept": [*self.saved["kept"], *left][:_TOLD],
                LEFT: [
                    *self.saved[LEFT],
                    *({"name": name, "reason": reason} for name, reason in left.items()),
                ][:_TOLD],
            }
        )

    @property
    def result(self) -> dict[str, Any]:
        """What came out."""
        return {name: value for name, value in self.saved.items() if name != "after"}


async def delete_all(run: Run) -> None:
    """The job `delete-namespace`: repositories that were there when it was asked for, by name."""
    data = run.job.data
    actor, state = _actor(data), State(run.checkpoint)
    total = state.repositories + (await used(run.db, data["path"])).repositories
    for span in spans_of(data["path"]):
        while True:
            where = {"low": span.low, "high": span.high, "after": state.after, "before": data["before"]}
            rows = await run.db.all(store.BORN_BEFORE, limit=_BATCH, **where)
            if not rows:
                break
            state = await _delete_batch(run, actor, state, [row.path for row in rows], force=data["force"])
            await run.progress(state.repositories, total)

    async def finish(unit: Unit) -> None:
        for path in await _said(unit, data["path"]):
            if "@" not in path and not await _anything(unit, path):
                await _move(unit, path, f"{path}{_JOB}{run.job.id}")
        await run.result(unit, state.result)

    await run.finish(finish)


async def restore_all(run: Run, window: int) -> None:
    """The job `restore-namespace`: of each name the one deleted last, where the name is free. `window`: where no path
    says another, microseconds."""
    data = run.job.data
    actor, state = _actor(data), State(run.checkpoint)
    for span in spans_of(data["path"]):
        while True:
            where = {"low": span.low, "high": span.high, "after": state.after}
            rows = await run.db.all(store.GONE, limit=_PAGE, **where)
            if not rows:
                break
            # All of one name come in one page, or the last name is left for the next.
            names = list(dict.fromkeys(row.was_path for row in rows))[:_BATCH]
            newest = {row.was_path: row.id for row in reversed(rows) if row.was_path in names}
            state = await _restore_batch(run, actor, state, newest, window)
            await run.progress(state.repositories)

    async def finish(unit: Unit) -> None:
        for path in await _said(unit, data["path"]):
            name, at, _ = path.partition(_JOB)
            if at and not await unit.all(store.FACTS, paths=[name]):
                await _move(unit, path, name)
        await run.result(unit, state.result)

    await run.finish(finish)


async def _delete_batch(run: Run, actor: Actor, state: State, names: Sequence[str], *, force: bool) -> State:
    async def batch(unit: Unit) -> State:
        done: list[Ended] = []
        left: dict[str, str] = {}
        for name in names:
            held = None if force else await _held_back(unit, name)
            if held is not None:
                left[name] = str(held)
            elif (ended := await end(unit, actor, name, force=force)) is not None:
                done.append(ended)
        after = state.with_batch(names[-1], done, left)
        await run.keep(unit, after.saved)
        return after

    return _told(run, state, await run.write(batch))


async def _restore_batch(run: Run, actor: Actor, state: State, newest: dict[str, int], window: int) -> State:
    async def batch(unit: Unit) -> State:
        done: list[Ended] = []
        left: dict[str, str] = {}
        for name in sorted(newest):
            if await unit.one(store.REPOSITORY, path=name) is not None:
                left[name] = "its name is taken by another repository"
            elif (ended := await bring_back(unit, actor, newest[name], window)) is not None:
                done.append(ended)
        after = state.with_batch(max(newest), done, left)
        await run.keep(unit, after.saved)
        return after

    return _told(run, state, await run.write(batch))


def _told(run: Run, before: State, after: State) -> State:
    """The state after a batch; what it left is said."""
    for each in after.saved[LEFT][len(before.saved[LEFT]) :]:
        run.say(f"{each['name']} stays as it is: {each['reason']}")
    return after


async def _held_back(unit: Unit, name: str) -> Blocked | None:
    """What forbids to delete a tag of the repository; None: every one may go."""
    row = await unit.one(store.REPOSITORY, path=name)
    return None if row is None else await held_back(unit, row.id, await rules_for(unit, prefixes_of(name)))


async def _said(reader: Reader, path: str) -> list[str]:
    """The paths at and below `path` of which something was said, and those that went with them."""
    found: list[str] = []
    for span in (*spans_of(path), Span(path + _JOB, path + _JOB + "\x7f")):
        rows = await reader.all(store.FACTS_IN, low=span.low, high=span.high, after="", limit=_PAGE)
        found += [row.path for row in rows]
    return found


async def _anything(reader: Reader, path: str) -> bool:
    """Whether a repository is at or below `path`."""
    for span in spans_of(path):
        if await reader.all(store.PATHS, low=span.low, high=span.high, after="", limit=1):
            return True
    return False


async def _move(unit: Unit, path: str, new: str) -> None:
    for command in (store.MOVE_FACTS, store.MOVE_LABELS):
        await unit.run(command, path=path, new=new)


def _actor(data: dict[str, Any]) -> Actor:
    return Actor(data["actor"], Origin(data["request"]))
