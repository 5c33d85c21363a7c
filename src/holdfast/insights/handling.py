"""What the feed of use and the journal tell, counted: the two handlers of this feature.

Promises: what is told is counted once, for its rows are written in the unit that remembers that it was told; a batch
costs a dozen statements, however many rows it adds to; a day of a repository has a bounded number of rows. What was
used in a repository that is gone since is counted for that one, and never for another of its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from holdfast.access.policy.model import PUSH_ACTIONS, Action
from holdfast.access.usage.classes import class_of
from holdfast.access.usage.feed import FedUse
from holdfast.access.usage.model import agent_name, clean, network_of
from holdfast.db.port import Unit
from holdfast.insights.counting import Happened, tally
from holdfast.insights.facts import Facts
from holdfast.insights.model import Counts
from holdfast.insights.writing import first_day, write
from holdfast.journal.chain import SealedRow

_VARIOUS = "various"
_PUSHES = frozenset(str(action) for action in PUSH_ACTIONS)


async def on_use(unit: Unit, uses: Sequence[FedUse]) -> None:
    """Count what was pulled, and the bytes of it and of pushes."""
    wanted = [use for use in uses if _counts(use)]
    if not wanted:
        return
    facts, since = Facts(), min(use.first_at for use in wanted)
    await facts.read_places(unit, (use.repository for use in wanted), since)
    placed = [(use, facts.repository(use.repository, use.last_at)) for use in wanted]
    known = [(use, repo_id) for use, repo_id in placed if repo_id is not None]
    await facts.read_manifests(unit, ((repo_id, use.digest) for use, repo_id in known if use.digest))
    by_digest = {
        (repo_id, facts.ids[repo_id, use.digest])
        for use, repo_id in known
        if ":" in use.reference and not use.head and (repo_id, use.digest) in facts.ids
    }
    await facts.read_tags(unit, by_digest, since)
    await write(unit, tally([_happened(use, repo_id, facts) for use, repo_id in known], await first_day(unit)), facts)


async def on_push(unit: Unit, rows: Sequence[SealedRow]) -> None:
    """Count what was pushed."""
    wanted = [row for row in rows if row.path and row.repo_id]
    facts = Facts()
    await facts.read_places(unit, (row.path for row in wanted if row.path), 0)
    digests = [(row.repo_id, str(json.loads(row.data).get("digest", ""))) for row in wanted if row.repo_id]
    await facts.read_manifests(unit, digests)
    await write(unit, tally([_pushed(row, facts) for row in wanted], await first_day(unit)), facts)


def _counts(use: FedUse) -> bool:
    """Whether a use is counted here: pulls, and bytes of pushes, which the journal counts."""
    if not use.allowed or not use.repository or use.subject == _VARIOUS:
        return False
    return use.action == Action.PULL or (use.action in _PUSHES and use.bytes > 0)


def _happened(use: FedUse, repo_id: int, facts: Facts) -> Happened:
    tag = "" if ":" in use.reference else use.reference
    index = facts.is_index(repo_id, use.digest)
    digest = use.digest if use.action == Action.PULL else ""
    tags = (tag,) if tag else () if use.head or not digest else facts.tags(repo_id, digest, use.last_at)
    return Happened(
        repo_id,
        use.repository,
        use.subject,
        use.agent,
        use.network,
        class_of(use.subject, use.agent, facts.declared(use.repository)),
        digest,
        tag if digest else "",
        tags if digest else (),
        _counts_of(use, index=index) if digest else _bytes_of(use),
        use.first_at,
        use.last_at,
    )


def _counts_of(use: FedUse, *, index: bool) -> Counts:
    return Counts(
        pulls=use.times if not use.head and not index else 0,
        indexes=use.times if not use.head and index else 0,
        checks=use.times if use.head else 0,
        named=use.times if ":" not in use.reference else 0,
        sent=use.bytes,
    )


def _bytes_of(use: FedUse) -> Counts:
    return Counts(sent=use.bytes) if use.action == Action.PULL else Counts(received=use.bytes)


def _pushed(row: SealedRow, facts: Facts) -> Happened:
    data: Mapping[str, object] = json.loads(row.data)
    origin: Mapping[str, str] = json.loads(row.origin) if row.origin else {}
    agent = agent_name(origin.get("agent", ""))
    named = data.get("tags")
    tags = tuple(sorted(map(str, named))) if isinstance(named, list) else ()
    path = str(row.path)
    return Happened(
        int(row.repo_id or 0),
        path,
        clean(row.actor),
        agent,
        network_of(origin.get("address", "")),
        class_of(row.actor, agent, facts.declared(path)),
        str(data.get("digest", "")),
        tags[0] if len(tags) == 1 else "",
        tags,
        Counts(pushes=1, named=1 if tags else 0),
        row.at,
        row.at,
    )
