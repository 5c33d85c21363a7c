"""The statements of what needs somebody, and of what was pushed last: each looks at a bounded number of rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class NeedRow(NamedTuple):
    """How much of something there is (`most` at most), and the newest of it."""

    what: str
    number: int
    newest: int | None


class PushedRow(NamedTuple):
    """A repository, and when something was pushed to it and pulled from it last; 0: never."""

    path: str
    pushed_at: int
    pulled_at: int


class LookedRow(NamedTuple):
    """The same of a repository that is looked at; `reached`: the piece that was looked at ends here, whether or not it
    is wanted."""

    path: str
    pushed_at: int
    pulled_at: int
    reached: bool


# `operator` 1: of everybody. An upload that nothing came to for long ends before `late`.
NEEDS = Query(
    """
    select 'jobs' as what, count(*) as number, max(id) as newest from (
      select id from job where state = 3 and ended_at > :since and (:operator = 1 or account = :account)
      order by id desc limit :most
    ) as failed
    union all select 'damage', count(*), max(id) from (
      select id from content where state = 1 and :operator = 1 limit :most
    ) as damaged
    union all select 'uploads', count(*), max(expires) from (
      select expires from upload
      where expires < :late and received >= 0 and (:operator = 1 or opener = :account) order by expires limit :most
    ) as stale
    """,
    NeedRow,
)
# A piece of the order, by its index alone: what in it is like the patterns, and the last of all (`reached`), if it is
# as long as it may be.
PUSHED = Query(
    """
    select k.path, k.pushed_at, (select r.pulled_at from repository r where r.path = k.path) as pulled_at, 0 as reached
    from (<piece> limit :limit) k
    where k.path like :like1 or k.path like :like2 or k.path like :like3 or k.path like :like4
    union all
    select e.path, e.pushed_at, 0 as pulled_at, 1 as reached from (<piece> limit 1 offset :limit - 1) e
    """.replace(
        "<piece>",
        "select path, pushed_at from repository"
        " where gone_at is null and pushed_at > 0 and (pushed_at, path) < (:pushed_at, :path)"
        " order by pushed_at desc, path desc",
    ),
    LookedRow,
)
