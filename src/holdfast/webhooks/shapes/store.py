"""The statements that read what shapes say beside an event. Each is bounded, and finds its rows by what it is given."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class PlaceRow(NamedTuple):
    """Where in the history of a repository an event is."""

    pos: int
    repo_id: int


class MoveRow(NamedTuple):
    """What an event did to a tag."""

    pos: int
    name: str
    was: str | None
    now: str | None


class RepositoryRow(NamedTuple):
    """A repository that is there."""

    id: int
    path: str
    born: int
    description: str | None


class SettingRow(NamedTuple):
    """What a path says of itself."""

    path: str
    value: str


class ManifestRow(NamedTuple):
    """A manifest that a repository shows."""

    repo_id: int
    digest: str
    media_type: str | None
    artifact_type: str | None
    size: int
    kind: int


PLACES = Query("select pos, repo_id from journal where pos = any(:positions) and repo_id > 0", PlaceRow)
MOVES = Query(
    """
    select j.pos, t.name, w.digest as was, n.digest as now
    from journal j
    join tag_event t on t.repo_id = j.repo_id and t.seq = j.seq
    left join content w on w.id = t.was_id
    left join content n on n.id = t.now_id
    where j.pos = any(:positions) and j.repo_id > 0
    order by j.pos, t.name limit :limit
    """,
    MoveRow,
)
REPOSITORIES = Query(
    """
    select r.id, r.path, r.born, n.description
    from repository r left join namespace n on n.path = r.path
    where r.id = any(:ids) and r.gone_at is null
    """,
    RepositoryRow,
)
SETTINGS = Query("select path, value from setting where path = any(:paths) and name = :name", SettingRow)
MANIFESTS = Query(
    """
    select l.repo_id, c.digest, l.media_type, l.artifact_type, c.size, l.kind
    from content c join link l on l.content_id = c.id
    where c.digest = any(:digests) and l.repo_id = any(:ids) and l.gone_at is null and l.kind > 0
    """,
    ManifestRow,
)
