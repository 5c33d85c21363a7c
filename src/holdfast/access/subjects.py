"""Subjects as people write them: `user:NAME`, `robot:NAMESPACE+NAME`, `anonymous`, `group:NAME`; a group of a sign-in
provider is `group:PROVIDER/NAME`."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import SubjectKind
from holdfast.access.policy.model import Grantee, GranteeKind
from holdfast.access.subjects_store import ACCOUNT_NAMED, GROUP_NAMED
from holdfast.db.port import Reader

_LONGEST = 400
_KINDS = {"user": SubjectKind.PERSON, "robot": SubjectKind.ROBOT, "group": None}
ANYONE = Grantee(GranteeKind.ANONYMOUS, 0, "anonymous")


class Named(NamedTuple):
    """A subject as it was written: `account` None: a group, or with an empty name everyone."""

    text: str
    name: str
    account: SubjectKind | None


def parse_subject(text: str) -> Named:
    """The subject that `text` names. Raises `Invalid`."""
    kind, colon, name = text.partition(":")
    if text == ANYONE.name:
        return Named(text, "", None)
    if not colon or not name or kind not in _KINDS or len(text) > _LONGEST or not text.isprintable():
        raise Invalid(
            "subject", f"{text[:64]!r} is no subject: user:NAME, group:NAME, robot:NAMESPACE+NAME or anonymous"
        )
    account = _KINDS[kind]
    if (account is SubjectKind.ROBOT) != ("+" in name) and account is not None:
        raise Invalid("subject", "a robot is called robot:NAMESPACE+NAME, and no user's name has a '+'")
    return Named(text, name, account)


async def resolve(reader: Reader, text: str) -> Grantee:
    """Whom `text` names. Raises `Invalid`, `Unknown`."""
    named = parse_subject(text)
    if not named.name:
        return ANYONE
    if named.account is None:
        group = await reader.one(GROUP_NAMED, name=named.name)
        if group is not None and group.gone_at is None:
            return Grantee(GranteeKind.GROUP, group.id, named.text)
    else:
        account = await reader.one(ACCOUNT_NAMED, name=named.name, kind=int(named.account))
        if account is not None:
            return Grantee(GranteeKind.ACCOUNT, account.id, named.text)
    raise Unknown(f"there is no {named.text[:128]!r}")
