"""The walk up from content, step by step; and the whole of it, page by page, however much keeps it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.oci.name import signed_digest
from holdfast.registry.reach import store
from holdfast.registry.reach.spans import Wanted, roots


class Question(NamedTuple):
    """Which tags are wanted, in which repository, and since when (microseconds) what they pointed to counts.

    `many`: how many rows a part of a statement gives at most. `alone`: nothing is locked and no snapshot is held
    meanwhile, so that others may have their turn."""

    reader: Reader
    wanted: Wanted
    repo_id: int
    since: int
    many: int
    alone: bool


class Step(NamedTuple):
    """What lies right above some content, whether a wanted tag is or was on it, and whether there may be more."""

    above: set[int]
    found: bool
    full: bool


async def step(question: Question, ids: set[int]) -> Step:
    """One statement about all of `ids`."""
    rows = await question.reader.all(
        store.STEP,
        repo_id=question.repo_id,
        ids=sorted(ids),
        after=question.since,
        limit=question.many,
        **slots(question.wanted),
    )
    above: set[int] = set()
    found = False
    for row in rows:
        if row.branch == 0:
            above.add(row.id)
        elif signed_digest(row.name) is None:
            found = found or question.wanted.matches(row.name)
        elif row.branch in (1, 2) and row.id:
            above.add(row.id)  # the tag belongs to that content, as a referrer to its subject
    return Step(above, found, is_full(question, [row.branch for row in rows]))


async def everything_above(question: Question, start: int) -> bool:
    """Whether a wanted tag is on `start` or on anything above it."""
    seen = {start}
    waiting = [[start]]
    while waiting:
        ids = waiting.pop()
        above, found, more = await step(question, set(ids))
        if not found and more:
            if len(ids) > 1:
                waiting += [ids[::2], ids[1::2]]
                continue
            above, found = await _all_of(question, ids[0])
        if found:
            return True
        fresh = sorted(above - seen)
        seen.update(fresh)
        waiting += [fresh[first : first + question.many] for first in range(0, len(fresh), question.many)]
        if question.alone:
            await asyncio.sleep(0)
    return False


async def _all_of(question: Question, id_: int) -> tuple[set[int], bool]:
    """What lies right above one content, and whether a wanted tag is or was on it."""
    reader, repo_id = question.reader, question.repo_id
    above: set[int] = set()
    after, seq, last, rows = 0, 0, "", [store.StepRow(0, 0, "")]
    while rows:
        rows = await reader.all(store.KEEPERS_OF, repo_id=repo_id, id=id_, after=after, limit=question.many)
        above.update(row.id for row in rows)
        after = max(above, default=0)
    tags = [store.TagRow(0, "")]
    while tags:
        tags = await reader.all(store.TAGS_ON, repo_id=repo_id, id=id_, last=last, limit=question.many)
        if _looked_at(question, tags, above):
            return above, True
        last = tags[-1].name if tags else ""
    at, seq, last = question.since, 1 << 62, ""
    events = [store.EventRow(0, 0, 0, "")]
    while events:
        events = await reader.all(
            store.WERE_ON, repo_id=repo_id, id=id_, after=at, seq=seq, last=last, limit=question.many
        )
        if _looked_at(question, events, above):
            return above, True
        if events:
            _, at, seq, last = events[-1]
    return above, False


def _looked_at(question: Question, rows: list[store.TagRow] | list[store.EventRow], above: set[int]) -> bool:
    """Whether one of these tags is wanted; what they belong to is added to `above`."""
    for row in rows:
        if signed_digest(row.name) is None:
            if question.wanted.matches(row.name):
                return True
        elif row.id:
            above.add(row.id)
    return False


def slots(wanted: Wanted) -> dict[str, str]:
    """The ranges of names as parameters of a statement."""
    found = {}
    for n, span in enumerate(roots(wanted).slots(store.SLOTS)):
        found[f"low{n}"], found[f"high{n}"] = span
    return found


def is_full(question: Question, branches: list[int]) -> bool:
    """Whether a part of a statement gave as many rows as it may."""
    return any(branches.count(branch) >= question.many for branch in set(branches))
