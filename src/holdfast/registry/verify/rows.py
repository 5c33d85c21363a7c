"""The rows that the statements of verify return."""

from __future__ import annotations

from typing import NamedTuple


class Total(NamedTuple):
    """A count or a sum."""

    total: int


class Named(NamedTuple):
    """A path, a tag, a key or the name of an upload."""

    name: str


class Id(NamedTuple):
    """The id of content."""

    id: int


class ContentRow(NamedTuple):
    """Content as a page shows it. `inline`: bytes in the database, None without any. `served`: a live link names it.
    `doomed`: its object is on the list of those to delete. `manifest`: a live link calls it one, and it is an object.
    """

    id: int
    digest: str
    size: int
    key: str | None
    state: int
    inline: int | None
    served: bool
    doomed: bool
    manifest: bool
    segmented: bool
    wrapped_key: bytes | None


class Inline(NamedTuple):
    """The inline bytes of content, as they are kept."""

    content_id: int
    digest: str
    wrapped_key: bytes | None
    bytes: bytes


class Part(NamedTuple):
    """One of the objects of content that lies in several, in order."""

    content_id: int
    key: str
    size: int


class UserRow(NamedTuple):
    """A repository that shows content."""

    repo_id: int
    path: str


class RepositoryRow(NamedTuple):
    """A repository and the last of what happened in it."""

    id: int
    path: str
    seq: int
    last_at: int
    event_seq: int | None
    event_at: int | None
    journal_seq: int | None
    journal_at: int | None


class PlaceRow(NamedTuple):
    """A repository that is there, locked."""

    path: str
    seq: int
    last_at: int


class TagKey(NamedTuple):
    """A tag as a page shows it."""

    repo_id: int
    name: str
    suspect: bool


class TagRow(NamedTuple):
    """A tag, or the place of one that is not there (`content_id` is None), with the link it points to."""

    path: str
    content_id: int | None
    seq: int | None
    digest: str | None
    kind: int | None
    gone_at: int | None
    media_type: str | None


class EventKey(NamedTuple):
    """An event as a page shows it. `lost`: it says that the tag is there, and there is none."""

    repo_id: int
    name: str
    seq: int
    lost: bool


class EventRow(NamedTuple):
    """The last event of a tag."""

    seq: int
    now_id: int | None


class BodyRow(NamedTuple):
    """Content with its inline bytes, and a media type that some repository knows for it."""

    digest: str
    size: int
    state: int
    wrapped_key: bytes | None
    bytes: bytes | None
    media_type: str | None


class LinkKey(NamedTuple):
    """A link as a page shows it. `manifest`: it is live and calls its content a manifest."""

    repo_id: int
    content_id: int
    manifest: bool
    rooted: bool


class LinkRow(NamedTuple):
    """A link and whether anything roots it."""

    path: str
    digest: str
    kind: int
    rooted: bool


class ManifestRow(NamedTuple):
    """A live manifest of a repository. `tagged`, `keeper`: a tag points to it, it keeps something."""

    path: str
    digest: str
    state: int
    wrapped_key: bytes | None
    bytes: bytes | None
    kind: int
    media_type: str | None
    artifact_type: str | None
    subject: int | None
    put_at: int
    tagged: bool
    keeper: bool


class PartRow(NamedTuple):
    """Content that a manifest names: its link in the manifest's repository, if any, and whether the edge is there."""

    id: int
    digest: str
    state: int
    kind: int | None
    gone_at: int | None
    edge: bool


class KeptRow(NamedTuple):
    """Content that a manifest keeps, other than by being its subject."""

    id: int
    digest: str | None
    kind: int | None
    media_type: str | None
    wrapped_key: bytes | None
    bytes: bytes | None


class SubjectRow(NamedTuple):
    """The link of a subject, and whether it keeps the one that refers to it."""

    digest: str
    kind: int
    edge: bool


class EdgeKey(NamedTuple):
    """An edge as a page shows it."""

    repo_id: int
    kept_id: int
    keeper_id: int
    suspect: bool


class EdgeRow(NamedTuple):
    """An edge that holds nothing together: one of its ends is not there."""

    path: str
    kept: str | None
    keeper: str | None
