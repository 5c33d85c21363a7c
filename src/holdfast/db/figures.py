"""How much a database holds, for support: counts that never cost more than a look at a million rows each."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query

MOST = 1_000_000
"""A table with more rows than this is counted as one row more."""


class Figures(NamedTuple):
    """Rows of the tables that grow."""

    accounts: int
    repositories: int
    contents: int
    bodies: int
    segments: int
    links: int
    tags: int
    tag_events: int
    candidates: int
    leases: int
    orphans: int
    doomed: int
    uploads: int
    journal: int


FIGURES = Query(
    """
    select
      (select count(*) from (select 1 as one from account limit :most) as a) as accounts,
      (select count(*) from (select 1 as one from repository limit :most) as b) as repositories,
      (select count(*) from (select 1 as one from content limit :most) as c) as contents,
      (select count(*) from (select 1 as one from body limit :most) as d) as bodies,
      (select count(*) from (select 1 as one from segment limit :most) as e) as segments,
      (select count(*) from (select 1 as one from link limit :most) as f) as links,
      (select count(*) from (select 1 as one from tag limit :most) as g) as tags,
      (select count(*) from (select 1 as one from tag_event limit :most) as h) as tag_events,
      (select count(*) from (select 1 as one from candidate limit :most) as i) as candidates,
      (select count(*) from (select 1 as one from lease limit :most) as j) as leases,
      (select count(*) from (select 1 as one from orphan limit :most) as k) as orphans,
      (select count(*) from (select 1 as one from doomed limit :most) as l) as doomed,
      (select count(*) from (select 1 as one from upload limit :most) as m) as uploads,
      (select count(*) from (select 1 as one from journal limit :most) as n) as journal
    """,
    Figures,
)
