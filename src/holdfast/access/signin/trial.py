"""A trial of a provider: an administrator signs in there, and sees what came and what it would lead to.

Promises: nobody is signed in by a trial, no account, group or membership is made or changed, and no token is kept: what
a trial seals opens for nothing else, and its call-back counts once, for the administrator who began it. What a provider
says of the sign-in alone (nonces, hashes, session ids), and whatever looks like a token, is not shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.delegating import circumstances_of, require_administrator
from holdfast.access.model import Identity
from holdfast.access.policy.model import Grant
from holdfast.access.rights import grants_of
from holdfast.access.rights_store import GRANTS_WITH
from holdfast.access.signin.claims import person_of
from holdfast.access.signin.errors import SignInFailed
from holdfast.access.signin.flow import Answered, Begun, Flow
from holdfast.access.signin.model import Person, Provider
from holdfast.access.signin.people import Linked, People
from holdfast.access.signin.providers import provider_of
from holdfast.access.signin.store import GROUPS_BESIDE, GROUPS_CALLED
from holdfast.db.port import Database
from holdfast.journal.model import Origin

MOST_CLAIMS, MOST_GRANTS = 100, 200
_PENDING = "trial under way"
_TEXT = 400
_NAME = 128
_OF_THE_SIGN_IN = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid"})
_SECRET_NAME = re.compile(r"token|secret|password|credential|assertion", re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Claim(NamedTuple):
    """A claim that arrived: its value as JSON, cut, None: not shown; and from where."""

    name: str
    text: str | None
    source: str


class Group(NamedTuple):
    """A group that the person would be in. `state`: `there`, `made` (it would be), `kept` (of this registry, or of
    another provider), `taken` (the name belongs to another one: it would not be)."""

    name: str
    state: str


class Trial(NamedTuple):
    """What came of a trial. `account` None: there would be none, and `refused` says why; `grants`: what the account and
    its groups have by now, `MOST_GRANTS` at most."""

    provider: Provider
    claims: list[Claim]
    person: Person
    account: Linked | None
    refused: str
    groups: list[Group]
    grants: list[Grant]


class Trials:
    """Tries providers."""

    def __init__(self, db: Database, flow: Flow, people: People) -> None:
        self._db = db
        self._flow = flow
        self._people = people

    async def begin(self, caller: Identity, name: str, *, origin: Origin) -> Begun:
        """Where to send the browser of an administrator. Raises `Denied`, `Unknown`, `ProviderAway`."""
        await self._require(caller, origin)
        return await self._flow.begin(_PENDING, name, {"account": caller.subject.id}, lasting=False)

    async def finish(
        self, caller: Identity, name: str, query: Mapping[str, str], cookie: str, *, origin: Origin
    ) -> Trial:
        """What the provider said, and what a sign-in would come to. Raises `Denied`, `SignInFailed`, `ProviderAway`."""
        await self._require(caller, origin)
        pending = self._flow.pending(_PENDING, query.get("state", ""), cookie)
        if pending["account"] != caller.subject.id:
            raise SignInFailed("the trial was begun by somebody else")
        answered = await self._flow.answered(name, query, pending)
        await self._db.write(lambda unit: self._flow.take(unit, answered.row, pending))
        return await self._seen(answered)

    async def _seen(self, answered: Answered) -> Trial:
        row = answered.row
        person = person_of(answered.claims, provider_of(row))
        account, refused = None, ""
        try:
            account = await self._people.foresee(self._db, row, person, self._db.now())
        except SignInFailed as error:
            refused = str(error)
        names = [f"{row.name}/{name}" for name in person.groups]
        called = {group.name: group for group in await self._db.all(GROUPS_CALLED, names=names)} if names else {}
        groups, ids = [], []
        for name in names:
            known = called.get(name)
            if known is None:
                groups.append(Group(name, "made"))
            elif known.provider != row.id or known.gone_at is not None:
                groups.append(Group(name, "taken"))
            else:
                groups.append(Group(name, "there"))
                ids.append(known.id)
        holder = account.account_id if account is not None else 0
        if holder:
            beside = await self._db.all(GROUPS_BESIDE, account_id=holder, provider=row.id)
            groups += [Group(group.name, "kept") for group in beside]
            ids += [group.id for group in beside]
        rows = await self._db.all(GRANTS_WITH, id=holder, groups=ids, limit=MOST_GRANTS) if holder or ids else []
        grants = await grants_of(self._db, rows)
        return Trial(provider_of(row), _claims(answered), person, account, refused, groups, grants)

    async def _require(self, caller: Identity, origin: Origin) -> None:
        require_administrator(caller, await circumstances_of(self._db, caller, origin))


def _claims(answered: Answered) -> list[Claim]:
    """The claims as they are shown."""
    found = [(name, value, "ID token") for name, value in answered.token.items()]
    found += [(name, value, "userinfo") for name, value in answered.userinfo.items() if name not in answered.token]
    return [
        Claim(name[:_NAME], _text(name, value), source)
        for name, value, source in sorted(found, key=lambda each: each[0])[:MOST_CLAIMS]
        if name not in _OF_THE_SIGN_IN
    ]


def _text(name: str, value: object) -> str | None:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _SECRET_NAME.search(name) or _TOKEN.search(text):
        return None
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}\N{HORIZONTAL ELLIPSIS}"
