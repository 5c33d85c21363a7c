"""Rules: which machines are which robot. Who manages access on a namespace keeps its rules.

A rule belongs to a namespace and names a robot of that very namespace. Making one lets somebody act as the robot, so
its maker must be able to confer all that the robot holds. Every change holds at the next request of every node: it
touches all rules of the issuer, because one more or less may change what another one comes to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.delegating import (
    circumstances_of,
    require_manage,
    require_over_grantee,
    require_scope,
    scope_of,
)
from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.federation.claims import carried, checked_rule, missed
from holdfast.access.federation.errors import TokenRefused
from holdfast.access.federation.issuers import require_manager
from holdfast.access.federation.model import Rule, Trial, Tried
from holdfast.access.federation.presets import REVIEW, check_ids
from holdfast.access.federation.service import Believed, Federation, pick
from holdfast.access.federation.store import (
    ADD_RULE,
    END_LEFT_RULES,
    END_RULE,
    ISSUER,
    ROBOT,
    RULE,
    RULES,
    RULES_OF,
    RULES_OF_ISSUER,
    TOUCH_RULES,
    RuleRow,
)
from holdfast.access.model import Identity
from holdfast.access.names import namespace_path
from holdfast.access.policy.model import Circumstances, GranteeKind
from holdfast.access.standing import begin_change
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
_NAME_LIMIT = 64
_PAGE = 1000
_LOOKED_AT = 5000
"""How many rules are looked at for one page of those in sight."""


class RuleDraft(NamedTuple):
    """A rule as somebody describes it. `robot`: the whole name, `NAMESPACE+NAME`."""

    namespace: str
    name: str
    issuer: str
    robot: str
    claims: Mapping[str, str]


class Rules:
    """The management of rules."""

    def __init__(self, db: Database, federation: Federation) -> None:
        self._db = db
        self._federation = federation

    async def page(
        self, caller: Identity, *, namespace: str | None = None, after: int = 0, limit: int = 100, origin: Origin
    ) -> list[Rule]:
        """Rules by id, those after `after`, of one namespace or of all that the caller manages. Raises `Invalid`."""
        if namespace is not None:
            namespace_path(namespace)
        here = await circumstances_of(self._db, caller, origin)
        found: list[Rule] = []
        limit = min(limit, _PAGE)
        for _ in range(_LOOKED_AT // _PAGE):
            if namespace is None:
                rows = await self._db.all(RULES, after=after, limit=_PAGE)
            else:
                rows = await self._db.all(RULES_OF, namespace=namespace, after=after, limit=_PAGE)
            found += [_rule(row) for row in rows if _sees(caller, row.namespace, here)]
            if len(found) >= limit or len(rows) < _PAGE:
                break
            after = rows[-1].id
        return found[:limit]

    async def get(self, caller: Identity, namespace: str, name: str, *, origin: Origin) -> Rule:
        """One rule. Raises `Unknown`."""
        here = await circumstances_of(self._db, caller, origin)
        row = await self._db.one(RULE, namespace=namespace, name=name)
        if row is None or not _sees(caller, namespace, here):
            raise _unknown(namespace, name)
        return _rule(row)

    async def add(self, caller: Identity, draft: RuleDraft, *, origin: Origin) -> Rule:
        """Make a rule. Raises `Denied`, `Invalid`, `Conflict`."""
        namespace_path(draft.namespace)
        if len(draft.name) > _NAME_LIMIT or not _NAME.match(draft.name):
            raise Invalid(
                "name", f"a rule's name has 1 to {_NAME_LIMIT} of a-z, 0-9, and single '.', '_' or '-' between"
            )
        claims = checked_rule(draft.claims)

        async def add(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            await require_manage(unit, caller, draft.namespace, origin)
            issuer = await unit.one(ISSUER, name=draft.issuer)
            if issuer is None:
                raise Invalid("issuer", f"there is no issuer {draft.issuer[:_NAME_LIMIT]!r}")
            check_ids(issuer.preset, claims)
            robot = await unit.one(ROBOT, name=draft.robot)
            if robot is None or robot.namespace != draft.namespace:
                raise Invalid("robot", f"there is no robot {draft.robot[:320]!r} of {draft.namespace}")
            await require_over_grantee(unit, caller, GranteeKind.ACCOUNT, robot.id, origin)
            if await unit.one(RULE, namespace=draft.namespace, name=draft.name) is not None:
                raise Conflict(f"{draft.namespace} has a rule {draft.name!r} already")
            # One whose robot was deleted came to nothing with it; its name is free.
            await unit.run(END_LEFT_RULES, namespace=draft.namespace, name=draft.name, version=version)
            await unit.run(TOUCH_RULES, issuer_id=issuer.id, version=version)
            await unit.one(
                ADD_RULE,
                namespace=draft.namespace,
                name=draft.name,
                issuer_id=issuer.id,
                robot_id=robot.id,
                claims=json.dumps(claims, separators=(",", ":")),
                made_by=caller.subject.actor,
                version=version,
            )
            await _note(unit, ChangeKind.FEDERATION_RULE_ADDED, caller, origin, draft)

        await self._db.write(add)
        row = await self._db.one(RULE, namespace=draft.namespace, name=draft.name)
        if row is None:
            raise _unknown(draft.namespace, draft.name)  # somebody removed it at once
        return _rule(row)

    async def remove(
        self, caller: Identity, namespace: str, name: str, *, expected: int | None = None, origin: Origin
    ) -> None:
        """Remove a rule: what it let in is refused from the next request on. Raises `Denied`, `Unknown`; `Changed`
        unless its `changed` is `expected`."""
        here = await circumstances_of(self._db, caller, origin)

        async def work(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            row = await unit.one(RULE, namespace=namespace, name=name)
            if row is None or not _sees(caller, namespace, here):
                raise _unknown(namespace, name)
            if expected is not None and row.changed != expected:
                raise Changed
            issuer = await unit.one(ISSUER, name=row.issuer)
            await unit.run(END_RULE, id=row.id, version=version)
            if issuer is not None:
                await unit.run(TOUCH_RULES, issuer_id=issuer.id, version=version)
            rule = RuleDraft(namespace, name, row.issuer, row.robot, json.loads(row.claims))
            await _note(unit, ChangeKind.FEDERATION_RULE_REMOVED, caller, origin, rule)

        await self._db.write(work)

    async def try_token(self, caller: Identity, token: str, name: str, *, origin: Origin) -> Trial:
        """What `token`, sent with the user name `name`, would come to; of the rules, those that the caller manages.
        The token is kept nowhere. Raises `Denied` for who manages nothing."""
        here = await circumstances_of(self._db, caller, origin)
        try:
            believed = await self._federation.believe(token)
        except TokenRefused as refused:
            require_manager(caller, here)
            return Trial(None, str(refused), None, False, 0, {}, ())
        rows = await self._db.all(RULES_OF_ISSUER, issuer_id=believed.issuer.id)
        seen = [row for row in rows if _sees(caller, row.namespace, here)]
        if not seen:
            require_manager(caller, here)
        tried = [
            Tried(row.namespace, row.name, row.robot, missed(json.loads(row.claims), believed.flat) or "")
            for row in seen
        ]
        robot, refusal = await self._outcome(believed, name, {row.robot for row in seen})
        claims: dict[str, str] = {**believed.flat, REVIEW: "true" if believed.reads_only else "false"}
        ends_at = believed.ends_at * 1_000_000
        return Trial(robot, refusal, believed.issuer.name, believed.reads_only, ends_at, claims, tuple(tried))

    async def _outcome(self, believed: Believed, name: str, seen: set[str]) -> tuple[str | None, str]:
        """As which robot the token would be taken, or why not; a robot that the asker does not manage is not named."""
        try:
            rule = pick(await self._federation.matching(believed), name)
            carried(believed.flat)
        except TokenRefused as refused:
            return None, str(refused)
        return (rule.robot, "") if rule.robot in seen else (None, "it is a robot that you do not manage")


def _sees(caller: Identity, namespace: str, here: Circumstances) -> bool:
    try:
        require_scope(caller, scope_of(namespace), here)
    except Denied:
        return False
    return True


def _unknown(namespace: str, name: str) -> Unknown:
    return Unknown(f"there is no rule {name[:_NAME_LIMIT]!r} of {namespace[:256]!r} in your sight")


def _rule(row: RuleRow) -> Rule:
    return Rule(
        row.id,
        row.namespace,
        row.name,
        row.issuer,
        row.robot,
        json.loads(row.claims),
        row.used_at,
        row.made_at,
        row.made_by,
        row.changed,
    )


async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, rule: RuleDraft) -> None:
    data: dict[str, object] = {**rule._asdict(), "rule": rule.name, "claims": dict(rule.claims)}
    del data["name"]
    await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)
