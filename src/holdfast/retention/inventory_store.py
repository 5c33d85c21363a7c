"""The statements of inventories."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class InventoryRow(NamedTuple):
    """What a source told of a path, and when (0: not all of it yet)."""

    id: int
    path: str
    source: str
    at: int
    told_by: str


class DigestRow(NamedTuple):
    """A digest that runs."""

    digest: str


class TagName(NamedTuple):
    """A tag that runs."""

    tag: str


class ContentId(NamedTuple):
    """The id of content."""

    content_id: int


class ImageRow(NamedTuple):
    """An image that runs."""

    digest: str
    repository: str
    tag: str


class Total(NamedTuple):
    """A number."""

    total: int


OF_PATHS = Query("select id, path, source, at, told_by from inventory where path = any(:paths)", InventoryRow)
ONE = Query(
    "select id, path, source, at, told_by from inventory where path = :path and source = :source for update",
    InventoryRow,
)
PAGE = Query(
    "select id, path, source, at, told_by from inventory where id > :after order by id limit :limit", InventoryRow
)
# Of no time: what is not whole yet is not believed.
NEW = Command(
    """
    insert into inventory (path, source, at, told_by) values (:path, :source, 0, :actor)
    on conflict (path, source) do nothing
    """
)
TOLD = Command("update inventory set at = :now, told_by = :actor where id = :id")
DROP = Command("delete from inventory where id = :id")
COUNT = Query("select count(*) as total from inventory where path = :path", Total)
IMAGES = Query(
    """
    select digest, repository, tag from inventory_image
    where inventory_id = :id and (digest, repository, tag) > (:digest, :repository, :tag)
    order by digest, repository, tag limit :limit
    """,
    ImageRow,
)
IMAGE_COUNT = Query("select count(*) as total from inventory_image where inventory_id = :id", Total)
PUT_IMAGE = Command(
    """
    insert into inventory_image (inventory_id, digest, repository, tag) values (:id, :digest, :repository, :tag)
    on conflict (inventory_id, digest, repository, tag) do nothing
    """
)
DROP_IMAGE = Command(
    """
    delete from inventory_image
    where inventory_id = :id and digest = :digest and repository = :repository and tag = :tag
    """
)
DIGESTS = Query(
    """
    select distinct digest from inventory_image where inventory_id = any(:ids) and digest > :after
    order by digest limit :limit
    """,
    DigestRow,
)
SHOWN = Query(
    """
    select l.content_id from content c join link l on l.repo_id = :repo_id and l.content_id = c.id
    where c.digest = any(:digests) and l.gone_at is null
    """,
    ContentId,
)
TAGS = Query(
    """
    select distinct tag from inventory_image
    where inventory_id = any(:ids) and repository = :repository and tag > :after order by tag limit :limit
    """,
    TagName,
)
