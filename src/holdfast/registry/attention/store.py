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
PUSHED = Query(
    """
    select path, pushed_at, pulled_at from repository
    where gone_at is null and pushed_at > 0 and (pushed_at, path) < (:pushed_at, :path)
    order by pushed_at desc, path desc limit :limit
    """,
    PushedRow,
)
