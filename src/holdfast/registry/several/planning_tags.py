"""What a change of several tags would do to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.access.errors import Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.oci import mediatype
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.immutability import rules as immutability
from holdfast.registry.immutability.rules import MOST_RULES, Rules, blocked
from holdfast.registry.immutability.service import rules_for
from holdfast.registry.objects import Objects
from holdfast.registry.several import store
from holdfast.registry.several.model import MOST_TAGS, Item, Kind, Outcome, Picked, Planned, Wish
from holdfast.registry.several.naming import named_anew

PIECE = 500
_DOCKER = frozenset({mediatype.DOCKER_MANIFEST, mediatype.DOCKER_LIST})


class TagPlans:
    """Looks at tags before they are changed. One object a process."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._table = TagTable(db, objects)

    async def look(self, permit: PathPermit, kind: Kind, picked: Picked, wish: Wish) -> Planned:
        """The tags of the permit's repository, and what would become of each. Raises `RepositoryUnknown`, `Denied`,
        `Invalid`."""
        path = RepositoryName.parse(permit.path)
        if kind is Kind.PROTECT:
            permit.require_all(Action.SETTINGS, path)
        found = await self._table.chosen(permit, path, picked.wanted, picked.names, MOST_TAGS)
        seq = found.seq if picked.seq is None else picked.seq
        rows = [row for row in found.rows if row.seq <= seq]
        if not rows:
            raise Invalid("pick", "none of these tags is there as it was when you looked")
        rules = await rules_for(self._db, path.prefixes())
        if kind is Kind.PROTECT and len(rules.rules) + len(rows) > MOST_RULES:
            left = max(0, MOST_RULES - len(rules.rules))
            raise Invalid("pick", f"a repository has at most {MOST_RULES} rules, room for {left} more: write a pattern")
        verdicts = _Verdicts(permit, path, kind, rules)
        items: list[Item] = []
        for first in range(0, len(rows), PIECE):
            piece = rows[first : first + PIECE]
            ids = sorted({row.content_id for row in piece})
            facts = {each.id: each for each in await self._db.all(store.FACTS, repo_id=found.repo_id, ids=ids)}
            for row in piece:
                if row.content_id in facts:
                    why = verdicts.why(row.name, facts[row.content_id].media_type or "")
                    items.append(_item(row.name, facts[row.content_id].digest, why))
        if kind is Kind.RETAG and wish.pattern:
            items = await self._renamed(permit, path, wish, items)
        return Planned(found.repo_id, seq, len(found.rows) - len(rows), items)

    async def _renamed(self, permit: PathPermit, path: RepositoryName, wish: Wish, items: Sequence[Item]) -> list[Item]:
        """The items with the names that they get, and what stands there now."""
        target = RepositoryName.parse(wish.target) if wish.target else path
        naming = _Naming(permit, target, wish, await rules_for(self._db, target.prefixes()))
        found: list[Item] = []
        for first in range(0, len(items), PIECE):
            named = [naming.named(item) for item in items[first : first + PIECE]]
            names = sorted({item.renamed for item in named if item.renamed})
            there = {row.name: row.digest for row in await self._db.all(store.POINT, path=target, names=names)}
            found += [naming.judged(item, there) for item in named]
        return found


class _Verdicts:
    """Why a tag would stay as it is, as far as it can be told before."""

    def __init__(self, permit: PathPermit, path: RepositoryName, kind: Kind, rules: Rules) -> None:
        self._kind = kind
        self._rules = rules
        self._moves = immutability.Change.DELETE if kind is Kind.DELETE else immutability.Change.MOVE
        actions = {Kind.DELETE: Action.DELETE_TAG, Kind.LABEL: Action.OVERWRITE}
        actions |= dict.fromkeys((Kind.PROMOTE, Kind.RETAG), Action.PULL)
        self._rights = permit.tags(actions[kind], path) if kind in actions else None
        if self._rights is not None and self._rights.nothing:
            raise self._rights.refuse()

    def why(self, tag: str, media_type: str) -> str:
        """'': nothing is known against it."""
        if self._rights is not None and not self._rights.allows(tag):
            refusal: Denied = self._rights.refuse(tag)
            return str(refusal)
        held = blocked(self._rules, self._moves, tag)
        if self._kind is Kind.PROTECT:
            other = blocked(self._rules, immutability.Change.DELETE, tag)
            return f"it is immutable already: rule '{held.rule}'" if held is not None and other is not None else ""
        if held is not None and self._kind not in (Kind.PROMOTE, Kind.RETAG):
            return str(held)
        if self._kind is Kind.LABEL and media_type.lower() in _DOCKER:
            return "manifests of Docker's own type have no annotations"
        return ""


class _Naming:
    """The names that tags get in `target`, and why a tag gets none."""

    def __init__(self, permit: PathPermit, target: RepositoryName, wish: Wish, rules: Rules) -> None:
        self._target = target
        self._wish = wish
        self._rules = rules
        self._same = target == permit.path
        self._create, self._overwrite, self._pull = (
            permit.tags(action, target) for action in (Action.CREATE_TAG, Action.OVERWRITE, Action.PULL)
        )
        if self._create.nothing and self._overwrite.nothing:
            raise self._create.refuse()
        self._taken: dict[str, str] = {}

    def named(self, item: Item) -> Item:
        """With its new name; one that gets none stays."""
        if item.outcome is Outcome.STAYS:
            return item
        try:
            new = named_anew(self._wish, item.name)
        except Invalid as error:
            return _staying(item, str(error))
        item = item._replace(renamed=new)
        if self._same and new == item.name:
            return _staying(item, "that is its name already")
        first = self._taken.setdefault(new, item.name)
        return item if first == item.name else _staying(item, f"{first} gets the same name")

    def judged(self, item: Item, there: Mapping[str, str]) -> Item:
        """With what the tag of its new name points to; `there`: what tags point to by name."""
        if item.outcome is Outcome.STAYS:
            return item
        new = item.renamed
        digest = there.get(new)
        rights = self._create if digest is None else self._overwrite
        if digest is not None and not self._wish.replace:
            same = digest == item.was and self._pull.allows(new)
            return _staying(item, f"{new} points there already" if same else f"there is a tag {new} already")
        if not rights.allows(new):
            return _staying(item, str(rights.refuse(new)))
        if digest == item.was:
            return _staying(item, f"{new} points there already")
        if digest is not None and (held := blocked(self._rules, immutability.Change.MOVE, new)) is not None:
            return _staying(item, str(held))
        return item._replace(before=digest)


def _item(name: str, digest: str, why: str) -> Item:
    return Item(name, digest, None, None, Outcome.STAYS if why else Outcome.WAITS, why)


def _staying(item: Item, why: str) -> Item:
    return item._replace(outcome=Outcome.STAYS, why=why)
