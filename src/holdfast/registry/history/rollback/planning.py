"""What a rollback would do, tag by tag: read in pieces, so that a dry run holds nothing up, and again in the unit that
applies it.

Promises: only tags with events after the instant are looked at, whatever else the repositories hold. The first of these
events says where a tag was; each change is asked of the caller's rights at that tag and of the rules of immutability,
and goes only to what is stored, or comes back with all its parts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.globs import text_glob
from holdfast.access.policy.model import Action
from holdfast.db.port import Reader
from holdfast.db.query import Query
from holdfast.oci.manifest import Kind
from holdfast.oci.name import signed_digest
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.errors import TooManyChanges
from holdfast.registry.history.closure import Closure, closures
from holdfast.registry.history.model import ALWAYS
from holdfast.registry.history.rollback import store
from holdfast.registry.history.rollback.model import MOST_CHANGES, Effect, Part, Plan, Step, Wish
from holdfast.registry.history.since import Moved, moved_between
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.history.targets import Target
from holdfast.registry.immutability.rules import Change, Rules, blocked
from holdfast.registry.immutability.service import rules_of
from holdfast.registry.model import State
from holdfast.registry.reach.showing import may_tell, tells

_PIECE = 1000
_MOST_LOOKED_AT = 4 * MOST_CHANGES
_NAMED = 20
_ACTIONS = (Action.CREATE_TAG, Action.OVERWRITE, Action.DELETE_TAG, Action.SIGN)
_NAMED_PARTS = 3
_BORN_LATER = "it was born after that: --exact would end it"


class Planning(NamedTuple):
    """A plan in the making. `window`: how long history reaches back where no path says it; `now`: the clock."""

    reader: Reader
    permit: PathPermit
    wish: Wish
    window: int
    now: int
    alone: bool = True


class _Rights(NamedTuple):
    """What the caller may do in a repository."""

    create: TagRights
    move: TagRights
    delete: TagRights
    sign: TagRights
    rules: Rules


async def make_plan(planning: Planning, repos: Sequence[RepositoryRow]) -> Plan:
    """The plan for repositories that changed after the instant. Raises `TooManyChanges`."""
    parts: list[Part] = []
    counts = dict.fromkeys(Effect, 0)
    sizes: list[tuple[str, int]] = []
    looked_at = changing = 0
    window_from = 0 if repos else planning.now - planning.window
    for row in repos:
        moved = await moved_between(
            planning.reader,
            row.id,
            planning.wish.to,
            ALWAYS,
            tag=planning.wish.target.tag,
            wanted=_wanted(planning, row.path),
            most=_MOST_LOOKED_AT,
            alone=planning.alone,
        )
        looked_at += len(moved)
        if looked_at > _MOST_LOOKED_AT or changing > MOST_CHANGES:
            sizes.append((row.path, len(moved)))  # only counted from here on, to say what is smaller
            continue
        part = await _part(planning, row, moved)
        parts.append(part)
        for step in part.steps:
            counts[step.effect] += 1
        sizes.append((row.path, sum(step.effect is not Effect.SAME for step in part.steps)))
        changing += sizes[-1][1]
        window_from = max(window_from, part.held.since(planning.window, planning.now))
    if looked_at > _MOST_LOOKED_AT or changing > MOST_CHANGES:
        raise _too_many(planning.wish.target, sizes)
    return Plan(parts, counts, window_from, fingerprint(planning.now, repos))


def _wanted(planning: Planning, path: str) -> Callable[[str], bool]:
    """Which tags of a repository are spoken of, and may be told."""
    told = tells(may_tell(planning.permit, path))
    if planning.wish.tags is None:
        return told
    glob = text_glob(planning.wish.tags)
    return lambda tag: glob(tag) and told(tag)


async def _part(planning: Planning, row: RepositoryRow, moved: dict[str, Moved]) -> Part:
    """What is planned in one repository."""
    names = sorted(moved)
    reader, repo_id = planning.reader, row.id
    now = {tag.name: tag.content_id for tag in await _in_pieces(planning, store.TAGS, repo_id, "names", names)}
    targets = {moved[name].was_id for name in names} | set(now.values())
    ids = sorted(id_ for id_ in targets if id_ is not None)
    known = {each.id: each for each in await _in_pieces(planning, store.CONTENTS, repo_id, "ids", ids)}
    held = await effective(reader, prefixes_of(row.path))
    since = held.since(planning.window, planning.now)
    tombs = [each.id for each in known.values() if _is_tomb(each) and (each.gone_at or 0) > since]
    back = await closures(reader, repo_id, tombs) if tombs else {}
    create, move, delete, sign = (planning.permit.tags(action, row.path) for action in _ACTIONS)
    rights = _Rights(create, move, delete, sign, rules_of(held))
    steps: list[Step] = []
    revived: dict[int, int] = {}
    for count, name in enumerate(names):
        if planning.alone and count % _PIECE == 0:
            await asyncio.sleep(0)
        then_id, now_id = moved[name].was_id, now.get(name)
        if then_id is None and now_id is None:
            continue  # it came and went
        step = _step(planning.wish, Step(name, now_id, then_id, Effect.SAME), rights, known, back)
        steps.append(step)
        if step.effect in (Effect.CREATE, Effect.MOVE) and then_id in back:
            revived.update(back[then_id].revived)
    return Part(row, held, steps, {each.id: each.digest for each in known.values()}, revived)


def _step(
    wish: Wish, step: Step, rights: _Rights, known: dict[int, store.ContentRow], back: dict[int, Closure]
) -> Step:
    """The step with its effect, and what blocks it."""
    if step.then_id == step.now_id:
        return step
    if step.then_id is None:
        if not wish.exact:
            return step._replace(why=_BORN_LATER)
        why = _refused(rights.delete, step.tag) or _immutable(rights.rules, Change.DELETE, step.tag)
        return step._replace(effect=Effect.BLOCKED if why else Effect.DELETE, why=why)
    why = _lost(known.get(step.then_id), back.get(step.then_id))
    allowed = rights.create if step.now_id is None else rights.move
    if signed_digest(step.tag) is not None:
        allowed = rights.sign  # it belongs to a digest
    why = why or _refused(allowed, step.tag)
    if step.now_id is not None:
        why = why or _immutable(rights.rules, Change.MOVE, step.tag)
    good = Effect.CREATE if step.now_id is None else Effect.MOVE
    return step._replace(effect=Effect.BLOCKED if why else good, why=why)


def _refused(rights: TagRights, tag: str) -> str:
    if rights.everything or (signed_digest(tag) is None and rights.allows(tag)):
        return ""
    return str(rights.refuse(tag))


def _immutable(rules: Rules, change: Change, tag: str) -> str:
    found = blocked(rules, change, tag)
    return str(found) if found is not None else ""


def _is_tomb(row: store.ContentRow) -> bool:
    return row.gone_at is not None and row.state == State.STORED and row.kind not in (None, int(Kind.BLOB))


def _lost(row: store.ContentRow | None, closure: Closure | None) -> str:
    """Why a tag cannot point there again; '' when it can."""
    if row is None:
        return "what it pointed to was collected: nothing of it is stored any more"
    if row.state == State.PURGED:
        return f"what it pointed to was purged: {row.reason or 'no reason was given'}"
    if row.state == State.DAMAGED:
        return "what it pointed to is damaged: push it again"
    if row.kind is None or row.state != State.STORED:
        return "what it pointed to was collected from this repository"
    if row.kind == Kind.BLOB:
        return "of what it pointed to the repository has the bytes, and not as a manifest: push it again"
    if row.gone_at is not None and closure is None:
        return "what it pointed to was deleted longer ago than the history window reaches back"
    if closure is not None and closure.gone:
        return "what it pointed to was deleted, and parts of it are gone: " + ", ".join(closure.gone[:_NAMED_PARTS])
    return ""


async def _in_pieces(
    planning: Planning, query: Query[store.Row], repo_id: int, field: str, values: Sequence[object]
) -> list[store.Row]:
    found: list[store.Row] = []
    for first in range(0, len(values), _PIECE):
        found += await planning.reader.all(query, repo_id=repo_id, **{field: values[first : first + _PIECE]})
        if planning.alone:
            await asyncio.sleep(0)
    return found


def fingerprint(now: int, repos: Iterable[RepositoryRow]) -> str:
    """What a dry run stands for: its moment, and the places of the repositories that changed after the instant."""
    places = "\n".join(f"{row.id} {row.seq}" for row in sorted(repos))
    return f"{now}.{hashlib.sha256(places.encode()).hexdigest()[:32]}"


def _too_many(target: Target, sizes: Sequence[tuple[str, int]]) -> TooManyChanges:
    """The refusal, which names what is smaller, the largest first."""
    below: dict[str, int] = {}
    start = len(target.path) + 1 if target.path else 0
    for path, size in sizes:
        child = path[: path.find("/", start)] + "/**" if path.find("/", start) > 0 else path
        below[child] = below.get(child, 0) + size
    named = sorted(below.items(), key=lambda each: (-each[1], each[0]))[:_NAMED]
    if len(named) == 1:
        how = "roll back parts of it with --tags GLOB"
    else:
        how = "roll back smaller prefixes: " + ", ".join(f"{path} ({size})" for path, size in named)
    return TooManyChanges(
        f"{sum(below.values())} tags have changed since, and one rollback changes at most {MOST_CHANGES}: {how}",
        prefixes=dict(named),
    )
