"""`Why`: why can, or can't, X do Y: answered by the engine that decides, as far as the one who asks may know.

Promises: about oneself everyone is told the rules that name him or his groups, and the right that is missing; about
others, and in full, only who manages access or reads the audit there is told; everyone else gets `Unknown`, in the same
words whether or not the subject or the repository exists, for neither is looked up before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import Identity, Subject, SubjectKind
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.delegation import oversees
from holdfast.access.policy.explain import Explanation, Extent, explain
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import SYSTEM_ACTIONS, Action, Circumstances, Grant, GranteeKind
from holdfast.access.policy.reasons import STRANGER
from holdfast.access.rights import grants_of, visibilities
from holdfast.access.rights_store import ANONYMOUS_GRANTS, GROUP_GRANTS, SUBJECT_GRANTS, GrantRow
from holdfast.access.subjects import parse_subject, resolve
from holdfast.access.why_store import HELD, HOLDERS, STATE, MemberRow
from holdfast.db.port import Database, Reader
from holdfast.journal.model import Origin
from holdfast.oci.errors import NameInvalid, TagInvalid
from holdfast.oci.name import RepositoryName, Tag

_BATCH = 200
_UNSEEN = "there is nothing to say about this in your sight"
_EVERYONE = "a rule for everyone"


class Holder(NamedTuple):
    """Someone who may do what was asked."""

    subject: Subject
    explanation: Explanation


class Why:
    """Explains decisions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ask(
        self,
        caller: Identity,
        subject: str,
        action: str,
        repository: str,
        tag: str | None = None,
        *,
        address: str | None = None,
        at: int | None = None,
        origin: Origin,
    ) -> Explanation:
        """Why `subject` may do `action` in `repository` (at `tag`) or not. `address` and `at` (microseconds): from
        where and when; without them: for oneself as this request comes, for others from an unknown address, now.

        Raises `Invalid`, `Unknown`, `holdfast.db.errors`.
        """
        parse_subject(subject)
        asked, place, label = _asked(action, repository, tag)
        here = await circumstances_of(self._db, caller, origin)
        own = subject == caller.subject.actor
        in_full = oversees(caller.rights, Scope("**" if asked in SYSTEM_ACTIONS else place), here)
        if not own and not in_full:
            raise Unknown(_UNSEEN)
        there = Circumstances(
            (here.address if own else "") if address is None else address,
            here.now if at is None else at,
            here.claims if own else {},
        )
        if own:
            told = explain(caller.rights, asked, place, label, there)
            return told if in_full else _trimmed(told)

        async def read(reader: Reader) -> Explanation:
            rights, barred = await self._rights(reader, subject, there.now)
            told = explain(rights, asked, place, label, there)
            return _barred(told, barred) if barred else told

        return await self._db.snapshot(read)

    async def holders(
        self,
        caller: Identity,
        action: str,
        repository: str,
        tag: str | None = None,
        *,
        after: str = "",
        limit: int = 100,
        origin: Origin,
    ) -> list[Holder]:
        """Up to `limit` accounts by name, those after `after`, that may do `action` now, from an unknown address, by a
        grant to them or their groups; what everyone may is not among it. For who manages access or reads the audit
        there. Raises `Invalid`, `Unknown`."""
        asked, place, label = _asked(action, repository, tag)
        here = await circumstances_of(self._db, caller, origin)
        if not oversees(caller.rights, Scope("**" if asked in SYSTEM_ACTIONS else place), here):
            raise Unknown(_UNSEEN)
        parts = place.split("/")
        homes = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)] if asked not in SYSTEM_ACTIONS else [""]
        question = _Question(asked, place, label, homes)
        found: list[Holder] = []
        while len(found) < limit:
            at = after

            async def batch(reader: Reader, after: str = at) -> tuple[list[MemberRow], list[Holder]]:
                rows = await reader.all(HOLDERS, homes=homes, after=after, limit=_BATCH)
                return rows, await _holding(reader, rows, question, here.now)

            rows, holding = await self._db.snapshot(batch)
            found += holding
            if len(rows) < _BATCH:
                break
            after = rows[-1].name
        return found[:limit]

    async def _rights(self, reader: Reader, text: str, now: int) -> tuple[Rights, str]:
        """What a subject may, and why it may not be used at all ('': it may)."""
        grantee = await resolve(reader, text)
        if grantee.kind is GranteeKind.ACCOUNT:
            return await self._of_account(reader, grantee.id, text), await self._bar(reader, grantee.id, now)
        rows = await reader.all(GROUP_GRANTS, id=grantee.id) if grantee.kind is GranteeKind.GROUP else []
        grants = await grants_of(reader, rows + await reader.all(ANONYMOUS_GRANTS))
        return await self._compiled(reader, text, grants), ""

    async def _of_account(self, reader: Reader, id: int, text: str) -> Rights:
        rows = await reader.all(SUBJECT_GRANTS, id=id) + await reader.all(ANONYMOUS_GRANTS)
        return await self._compiled(reader, text, await grants_of(reader, rows))

    @staticmethod
    async def _compiled(reader: Reader, text: str, grants: Sequence[Grant]) -> Rights:
        return Rights(text, grants, await visibilities(reader))

    @staticmethod
    async def _bar(reader: Reader, id: int, now: int) -> str:
        state = await reader.one(STATE, id=id)
        if state is None:
            return "is deleted"
        if state.disabled_at is not None:
            return "is disabled"
        return "has expired" if state.expires_at is not None and state.expires_at <= now else ""


class _Question(NamedTuple):
    """What is asked of many; `homes`: where grants live that speak of it."""

    action: Action
    repository: str
    tag: str | None
    homes: list[str]


async def _holding(reader: Reader, rows: Sequence[MemberRow], asked: _Question, now: int) -> list[Holder]:
    """Those of these accounts that may, in a few statements however many they are."""
    able = [row for row in rows if row.disabled_at is None and (row.expires_at is None or row.expires_at > now)]
    if not able:
        return []
    held = await reader.all(HELD, ids=[row.id for row in able], homes=asked.homes)
    everyone = await reader.all(ANONYMOUS_GRANTS)
    grants = await grants_of(reader, [*(GrantRow._make(each[:-1]) for each in held), *everyone])
    own: dict[int, list[Grant]] = {}
    for each, grant in zip(held, grants, strict=False):
        own.setdefault(each.holder, []).append(grant)
    public = await visibilities(reader)
    there = Circumstances("", now)
    found: list[Holder] = []
    for row in able:
        subject = Subject(row.id, row.name, SubjectKind(row.kind))
        rights = Rights(subject.actor, [*own.get(row.id, ()), *grants[len(held) :]], public)
        told = explain(rights, asked.action, asked.repository, asked.tag, there)
        if told.allowed:
            found.append(Holder(subject, told))
    return found


def _asked(action: str, repository: str, tag: str | None) -> tuple[Action, str, str | None]:
    """What is asked, in values. Raises `Invalid`."""
    try:
        asked = Action(action)
    except ValueError as error:
        raise Invalid("action", f"{action[:64]!r} is no action: {', '.join(Action)}") from error
    if asked in SYSTEM_ACTIONS:
        return asked, "**", None
    try:
        return asked, RepositoryName.parse(repository), Tag.parse(tag) if tag is not None else None
    except NameInvalid as error:
        raise Invalid("repository", error.reason) from error
    except TagInvalid as error:
        raise Invalid("tag", error.reason) from error


def _barred(told: Explanation, why: str) -> Explanation:
    """An explanation of an account that may do nothing at all."""
    reason = f"{told.subject} {why}"
    return told._replace(extent=Extent.NONE, reason=reason, decisive=(), remedy=f"enabling {told.subject}")


def _trimmed(told: Explanation) -> Explanation:
    """What the subject itself may know: the rules that name it or its groups."""
    own = tuple(rule for rule in told.rules if rule.grant.grantee.id)
    decisive = tuple(rule for rule in told.decisive if rule.grant.grantee.id)
    reason = told.reason
    if told.decisive and not told.decisive[0].grant.grantee.id:
        reason = f"{'allowed' if told.allowed else 'denied'} by {_EVERYONE}" if own or told.allowed else STRANGER
    elif not told.allowed and not own:
        reason = STRANGER
    elif told.public_at is not None and told.allowed:
        reason = "it is open to everyone"
    remedy = told.remedy if not told.remedy.startswith("removing") or decisive == told.decisive else ""
    return told._replace(reason=reason, decisive=decisive, rules=own, public_at=None, remedy=remedy)
