"""Statements over invitations."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class InvitationRow(NamedTuple):
    """An invitation, and who made it."""

    id: int
    account_id: int
    maker: str
    maker_kind: int
    role: str
    repository: str
    tag: str | None
    home: str
    grant_expires_at: int | None
    note: str
    most: int
    uses: int
    made_at: int
    expires_at: int
    gone_at: int | None
    hint: str


class Id(NamedTuple):
    """A number."""

    id: int


class Total(NamedTuple):
    """A number of rows."""

    total: int


class UseRow(NamedTuple):
    """Who accepted, when, and which grant he got."""

    account_id: int
    name: str
    used_at: int
    grant_id: int


_INVITATION = """
    select i.id, i.account_id, a.name as maker, a.kind as maker_kind, i.role, i.repository, i.tag, i.home,
      i.grant_expires_at, i.note, i.most, i.uses, i.made_at, i.expires_at, i.gone_at, i.hint
    from invitation i join account a on a.id = i.account_id
"""
_OPEN = """
    (cast(:closed as integer) = 1 or (i.gone_at is null and i.expires_at > :now and i.uses < i.most))
"""
_PAGE = " and i.id < :before order by i.id desc limit :limit"
INVITATION = Query(_INVITATION + " where i.id = :id", InvitationRow)
BY_HASH = Query(_INVITATION + " where i.hash = :hash", InvitationRow)
INVITATIONS = Query(_INVITATION + " where " + _OPEN + _PAGE, InvitationRow)
INVITATIONS_BY = Query(_INVITATION + " where i.account_id = :account_id and " + _OPEN + _PAGE, InvitationRow)
INVITATIONS_BELOW = Query(
    _INVITATION + " where (i.home = :path or (i.home >= :low and i.home < :high)) and " + _OPEN + _PAGE, InvitationRow
)
LOCK_MAKER = Query("select id from account where id = :account_id for update", Id)
COUNT_OPEN = Query(
    """
    select count(*) as total from invitation
    where account_id = :account_id and gone_at is null and expires_at > :now and uses < most
    """,
    Total,
)
ADD = Query(
    """
    insert into invitation (hash, hint, account_id, role, repository, tag, home, grant_expires_at, note, most, made_at,
      expires_at)
    values (:hash, :hint, :account_id, :role, :repository, :tag, :home, :grant_expires_at, :note, :most, :now,
      :expires_at)
    returning id
    """,
    Id,
)
REVOKE = Command("update invitation set gone_at = :now, gone_by = :by where id = :id and gone_at is null")
USE = Command(
    """
    update invitation set uses = uses + 1
    where id = :id and gone_at is null and expires_at > :now and uses < most
    """
)
ADD_USE = Command(
    """
    insert into invitation_use (invitation_id, account_id, grant_id, used_at)
    values (:id, :account_id, :grant_id, :now)
    """
)
USED = Query("select account_id as id from invitation_use where invitation_id = :id and account_id = :account_id", Id)
USES = Query(
    """
    select u.account_id, a.name, u.used_at, u.grant_id from invitation_use u join account a on a.id = u.account_id
    where u.invitation_id = :id order by u.used_at, u.account_id
    """,
    UseRow,
)
OLD = Query("select id from invitation where expires_at < :before order by expires_at limit :limit", Id)
FORGET_USES = Command("delete from invitation_use where invitation_id = any(:ids)")
FORGET = Command("delete from invitation where id = any(:ids)")
