"""`Requests`: who was refused asks for access; who manages access there approves in one step, or declines.

Promises: asking looks at nothing but the asker's own rights and requests, so it tells nothing of what there is; what is
open is bounded for each person, and ends by its own time. An approval makes an ordinary grant, by all the rules of
`grants/service.py`, in the unit that decides the request: two deciders are one and a refusal. The asker sees his own
requests, and who manages access on a whole repository those about it; everybody else gets `Unknown`. Raises besides
what is named: `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Conflict, Denied, Invalid, TooManyRequests, Unauthenticated, Unknown
from holdfast.access.grants.change import change
from holdfast.access.grants.model import NewGrant
from holdfast.access.grants.service import Cause, add_grant, check_grant
from holdfast.access.identities import Identities
from holdfast.access.model import Identity, SubjectKind
from holdfast.access.names import namespace_path
from holdfast.access.policy.delegation import manages
from holdfast.access.policy.explain import explain, least_role
from holdfast.access.policy.globs import TagGlob
from holdfast.access.policy.languages import Scope, inside
from holdfast.access.policy.model import TAG_ACTIONS, Action, Circumstances
from holdfast.access.requests.listing import own_of, request_of, visible
from holdfast.access.requests.model import AccessRequest, Decision, RequestState
from holdfast.access.requests.store import (
    ADD,
    COUNT,
    DECIDE,
    END_OLD,
    FORGET,
    GIVEN,
    LOCK_ASKER,
    REQUEST,
    SAME,
)
from holdfast.access.requests.wish import Wish, text_of, wished
from holdfast.access.rights import roles_of
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

NEWEST = (1 << 63) - 1
"""Before which the newest requests come."""
WAITING_LIMIT = 20
"""Open requests that a person has at most."""
DAILY_LIMIT = 50
"""Requests that a person makes in a day at most."""
PAGE_LIMIT = 1001
_DAY = 24 * 3600 * 1_000_000
LIFE = 30 * _DAY
"""For how long a request is open, in microseconds."""
KEPT = 90 * _DAY
"""For how long a request is remembered after its time."""
_FORGOTTEN = 1000


class Requests:
    """The requests for access of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._identities = Identities(db)

    async def create(
        self, caller: Identity, action: str, repository: str, tag: str | None = None, note: str = "", *, origin: Origin
    ) -> AccessRequest:
        """Ask for an action in a repository (at a tag of it); for people. Whether the repository is there is not looked
        at. Raises `Invalid`; `Conflict` when the caller may do it already, asked for it already, or waits for too
        many; `TooManyRequests`."""
        _require_person(caller)
        wish = wished(action, repository, tag, note)

        async def create(unit: Unit) -> AccessRequest:
            await check_permit(unit, caller)
            here = await circumstances_of(unit, caller, origin)
            if caller.rights.allows(wish.action, wish.repository, wish.tag, here):
                raise Conflict("you may do this already")
            return await self._add(unit, caller, wish, origin)

        return await self._db.write(create)

    async def approve(
        self,
        caller: Identity,
        id: int,
        *,
        role: str | None = None,
        scope: str | None = None,
        expires_at: int = 0,
        origin: Origin,
    ) -> AccessRequest:
        """Approve an open request, which makes a grant to its asker: of `role` (None: the least built-in one that has
        the action) on `scope` (None: what was asked for), until `expires_at` (0: for ever). For who may make that
        grant. Raises `Unknown`; `Invalid` when the grant would not allow what was asked for; `Conflict` when the
        request is not open any more, or the grant stands already."""

        async def approve(unit: Unit, version: int, here: Circumstances) -> AccessRequest:
            request = await self._governed(unit, caller, id, here)
            new = NewGrant(
                request.asker,
                scope or request.scope,
                role or least_role(request.action),
                expires_at=expires_at,
                note=f"access request {id}",
            )
            asked = check_grant(new)
            await _check_answers(unit, request, asked.scope, asked.role or "")
            await self._decide(unit, caller, request, Decision.APPROVED, "")
            cause = Cause(caller.subject.actor, {"request": id})
            kept = await add_grant(unit, caller, asked, version=version, here=here, origin=origin, cause=cause)
            given = f"{asked.role} on {asked.scope}"
            await unit.run(GIVEN, id=id, grant_id=kept.id, given=given)
            await self._note(unit, ChangeKind.ACCESS_REQUEST_APPROVED, caller, origin, request, grant=kept.id)
            approved = await self._found(unit, id)
            return approved._replace(notice=await self._still_refused(unit, approved, here.now))

        return await change(self._db, caller, origin, approve)

    async def decline(self, caller: Identity, id: int, reason: str = "", *, origin: Origin) -> AccessRequest:
        """Decline an open request; its asker is told `reason`. For who manages access on its repository. Raises
        `Unknown`, `Invalid`, `Conflict` when it is not open any more."""
        told = text_of("reason", reason)

        async def decline(unit: Unit) -> AccessRequest:
            await check_permit(unit, caller)
            request = await self._governed(unit, caller, id, await circumstances_of(unit, caller, origin))
            await self._decide(unit, caller, request, Decision.DECLINED, told)
            await self._note(unit, ChangeKind.ACCESS_REQUEST_DECLINED, caller, origin, request)
            return await self._found(unit, id)

        return await self._db.write(decline)

    async def withdraw(self, caller: Identity, id: int, *, origin: Origin) -> AccessRequest:
        """Take one's own open request back. Raises `Unknown`, `Conflict` when it is not open any more."""

        async def withdraw(unit: Unit) -> AccessRequest:
            await check_permit(unit, caller)
            row = await unit.one(REQUEST, id=id)
            if row is None or not caller.subject.id or row.account_id != caller.subject.id:
                raise _unknown(id)
            request = request_of(row, unit.now)
            await self._decide(unit, caller, request, Decision.WITHDRAWN, "")
            await self._note(unit, ChangeKind.ACCESS_REQUEST_WITHDRAWN, caller, origin, request)
            return await self._found(unit, id)

        return await self._db.write(withdraw)

    async def get(self, caller: Identity, id: int, *, origin: Origin) -> AccessRequest:
        """One request: the caller's own, or one that it may decide. Raises `Unknown`."""
        row = await self._db.one(REQUEST, id=id)
        here = await circumstances_of(self._db, caller, origin)
        if row is None or not (own_of(caller, row) or manages(caller.rights, Scope(row.repository), here)):
            raise _unknown(id)
        return request_of(row, here.now)

    async def page(
        self,
        caller: Identity,
        *,
        own: bool = False,
        path: str | None = None,
        closed: bool = False,
        before: int = NEWEST,
        limit: int = 100,
        origin: Origin,
    ) -> list[AccessRequest]:
        """Up to `limit` requests, newest first, whose number is below `before`: with `own` those of the caller, else
        those that it may decide. `path`: about repositories at or below it; `closed`: also those that are not open any
        more. Raises `Invalid`."""
        if path:
            namespace_path(path)
        here = await circumstances_of(self._db, caller, origin)
        most = min(limit, PAGE_LIMIT)
        return await visible(self._db, caller, here, own=own, path=path or "", closed=closed, before=before, limit=most)

    async def _add(self, unit: Unit, caller: Identity, wish: Wish, origin: Origin) -> AccessRequest:
        me = caller.subject.id
        await unit.one(LOCK_ASKER, account_id=me)
        await unit.run(END_OLD, account_id=me)
        action, tag = str(wish.action), wish.tag or ""
        same = await unit.one(SAME, account_id=me, repository=wish.repository, tag=tag, action=action)
        if same is not None:
            raise Conflict(f"you asked for this already: it is request {same.id}")
        count = await unit.one(COUNT, account_id=me, since=unit.now - _DAY)
        if count is not None and count.waiting >= WAITING_LIMIT:
            raise Conflict(f"{count.waiting} requests of yours are open: withdraw some, or wait for an answer")
        if count is not None and count.lately >= DAILY_LIMIT:
            raise TooManyRequests(f"{DAILY_LIMIT} requests for access in a day are enough", _DAY // 1_000_000)
        ends = unit.now + LIFE
        row = await unit.one(
            ADD, account_id=me, action=action, repository=wish.repository, tag=tag, note=wish.note, expires_at=ends
        )
        assert row is not None
        made = await self._found(unit, row.id)
        await self._note(unit, ChangeKind.ACCESS_REQUEST_CREATED, caller, origin, made)
        return made

    @staticmethod
    async def _governed(reader: Reader, caller: Identity, id: int, here: Circumstances) -> AccessRequest:
        """A request that the caller may decide; to its asker, who sees it, this is refused. Raises `Unknown`,
        `Denied`."""
        row = await reader.one(REQUEST, id=id)
        if row is None:
            raise _unknown(id)
        if not manages(caller.rights, Scope(row.repository), here):
            if own_of(caller, row):
                raise Denied(
                    f"this needs '{Action.MANAGE_ACCESS}' on the whole of {row.repository}",
                    action=str(Action.MANAGE_ACCESS),
                    repository=row.repository,
                )
            raise _unknown(id)
        return request_of(row, here.now)

    @staticmethod
    async def _decide(unit: Unit, caller: Identity, request: AccessRequest, state: Decision, reason: str) -> None:
        by = caller.subject.actor
        if not await unit.run(DECIDE, id=request.id, state=int(state), by=by, reason=reason or None):
            row = await unit.one(REQUEST, id=request.id)
            now = request_of(row, unit.now).state if row is not None else RequestState.EXPIRED
            raise Conflict(f"request {request.id} is not open any more: it is {now}")

    async def _still_refused(self, reader: Reader, request: AccessRequest, now: int) -> str:
        """Why the asker may not do it yet, with the new grant; '' when he may."""
        row = await reader.one(REQUEST, id=request.id)
        try:
            asker = await self._identities.account(reader, row.account_id if row is not None else 0)
        except Unauthenticated:
            return f"{request.asker} is disabled or has expired"
        there = Circumstances("", now)
        told = explain(asker.rights, request.action, request.repository, request.tag, there)
        return "" if told.allowed else f"{request.asker} may not do it yet: {told.reason}"

    @staticmethod
    async def _found(reader: Unit, id: int) -> AccessRequest:
        row = await reader.one(REQUEST, id=id)
        if row is None:
            raise _unknown(id)
        return request_of(row, reader.now)

    @staticmethod
    async def _note(
        unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, request: AccessRequest, **more: object
    ) -> None:
        data: dict[str, object] = {
            "request": request.id,
            "subject": request.asker,
            "action": str(request.action),
            "repository": request.repository,
            **more,
        }
        if request.tag is not None:
            data["tag"] = request.tag
        await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)


def _require_person(caller: Identity) -> None:
    if not caller.subject.id or caller.subject.kind is not SubjectKind.PERSON:
        raise Denied("access is asked for by people: sign in as one")


async def _check_answers(reader: Reader, request: AccessRequest, scope: Scope, role: str) -> None:
    """Raise `Invalid` unless a grant of `role` on `scope` allows what was asked for."""
    actions = (await roles_of(reader)).get(role, frozenset())
    if role and actions and request.action not in actions:
        raise Invalid("role", f"{role[:64]!r} does not have {request.action!s}, which was asked for")
    reaches = inside(Scope(request.repository), [Scope(scope.repository)], tags=False)
    if reaches and request.tag is not None and scope.tag is not None:
        reaches = TagGlob.parse(scope.tag).matches(request.tag)
    if not reaches or (scope.tag is not None and request.action not in TAG_ACTIONS):
        raise Invalid("scope", f"this does not reach {request.scope}, which was asked for")


def _unknown(id: int) -> Unknown:
    return Unknown(f"there is no request {id} in your sight")


async def forget_requests(db: Database) -> int:
    """Remove what ended long ago; how many."""
    before = db.now() - KEPT

    async def forget(unit: Unit) -> int:
        return await unit.run(FORGET, before=before, limit=_FORGOTTEN)

    total = gone = await db.write(forget)
    while gone == _FORGOTTEN:
        gone = await db.write(forget)
        total += gone
    return total
