"""What runs, as inventories tell it: which things of a repository are in use.

Promises: a running digest is found under every tag that reaches it, through indexes, and by the digest of its
configuration, which is what some clusters tell; a running tag by its name. No inventory, one that was asked for and is
not there, and one that is older than the rules believe, are not known: and what is not known keeps.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.journal.moments import rfc3339
from holdfast.registry.effective.service import prefixes_of
from holdfast.retention import inventory_store, store
from holdfast.retention.rules import Policy, Rule
from holdfast.retention.verdict import Thing

_PAGE = 500


class Running(NamedTuple):
    """What runs of one repository. `unknown`: by rule, why it is not known."""

    contents: dict[str, frozenset[int]]
    names: dict[str, frozenset[str]]
    unknown: dict[str, str]

    def has(self, rule: Rule, thing: Thing) -> bool | str:
        """Whether `thing` runs; a text: that is not known, and why."""
        if rule.name in self.unknown:
            return self.unknown[rule.name]
        return thing.content_id in self.contents[rule.name] or (
            bool(thing.name) and thing.name in self.names[rule.name]
        )


async def running(reader: Reader, policy: Policy, repo_id: int, path: str, now: int) -> Running:
    """What runs of a repository, by the rules of its policy that ask."""
    found = Running({}, {}, {})
    asking = [rule for rule in policy.rules if rule.in_use is not None]
    if not asking:
        return found
    inventories = await reader.all(inventory_store.OF_PATHS, paths=prefixes_of(path))
    for rule in asking:
        assert rule.in_use is not None
        chosen = [each for each in inventories if not rule.in_use or each.source in rule.in_use]
        missing = [source for source in rule.in_use if source not in {each.source for each in chosen}]
        stale = [each for each in chosen if now - each.at > policy.inventory_expires]
        if missing or not chosen:
            found.unknown[rule.name] = f"nobody told what runs in {', '.join(missing) or 'any cluster'}"
        elif stale:
            said = ", ".join(f"{each.source} (told {rfc3339(each.at)[:19]}Z)" for each in stale)
            found.unknown[rule.name] = f"the inventory is stale: {said}"
        else:
            ids = sorted(each.id for each in chosen)
            found.contents[rule.name] = await _contents(reader, repo_id, ids)
            found.names[rule.name] = await _names(reader, path, ids)
    return found


async def _contents(reader: Reader, repo_id: int, inventories: list[int]) -> frozenset[int]:
    """Content of the repository that runs, and all that keeps it."""
    found: set[int] = set()
    after = ""
    while True:
        rows = await reader.all(inventory_store.DIGESTS, ids=inventories, after=after, limit=_PAGE)
        if rows:
            shown = await reader.all(
                inventory_store.SHOWN, repo_id=repo_id, digests=sorted({row.digest for row in rows})
            )
            found.update(row.content_id for row in shown)
            after = rows[-1].digest
        if len(rows) < _PAGE:
            break
    level = set(found)
    while level:
        above: set[int] = set()
        ids = sorted(level)
        for first in range(0, len(ids), _PAGE):
            rows_above = await reader.all(store.KEEPERS, repo_id=repo_id, ids=ids[first : first + _PAGE])
            above.update(row.keeper_id for row in rows_above)
        level = above - found
        found |= level
    return frozenset(found)


async def _names(reader: Reader, path: str, inventories: list[int]) -> frozenset[str]:
    found: set[str] = set()
    after = ""
    while True:
        rows = await reader.all(inventory_store.TAGS, ids=inventories, repository=path, after=after, limit=_PAGE)
        found.update(row.tag for row in rows)
        if len(rows) < _PAGE:
            return frozenset(found)
        after = rows[-1].tag
