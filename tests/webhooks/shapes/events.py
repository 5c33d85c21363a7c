"""Events as the journal tells them, and what is known about them, for tests of shapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.journal.model import ChangeKind
from holdfast.oci.manifest import Kind
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.model import About, Facts, Manifest, Move, Payload, Repository, Subscription

DIGEST = "sha256:" + "a1" * 32
OTHER = "sha256:" + "b2" * 32
IMAGE = "application/vnd.oci.image.manifest.v1+json"
AT = 1_795_316_645_678_901
BORN = 1_795_000_000_123_456
REPOSITORY = Repository(7, BORN, False, "the app")
MANIFESTS = {
    DIGEST: Manifest(DIGEST, IMAGE, "application/vnd.oci.image.config.v1+json", 1234, Kind.IMAGE),
    OTHER: Manifest(OTHER, IMAGE, "application/vnd.oci.image.config.v1+json", 999, Kind.IMAGE),
}


def event(kind: str, path: str = "team/app", actor: str = "user:ann", **data: Any) -> Event:
    """An event with these data, at a fixed place and time."""
    origin = {"address": "192.0.2.7", "agent": "crane/v0.21", "credential": "key:12"}
    return Event(4711, kind, path, AT, actor, "req-1", data, origin)


def about(*moves: Move, wanted: Callable[[str], bool] | None = None, **more: Any) -> About:
    """What is known of an event in `team/app`."""
    facts = Facts(more.pop("repository", REPOSITORY), more.pop("manifests", MANIFESTS), moves)
    given: dict[str, Any] = {
        "source": "https://registry.example.com",
        "installation": "0b5c1f4e-7a1d-4a3b-9f0e-2d6c8b7a9e10",
        "subscription": Subscription(3, "deploy", "team"),
        "facts": facts,
        **more,
    }
    return About(**given) if wanted is None else About(**given, wanted=wanted)


def pushed(*tags: str, **more: Any) -> Event:
    """A manifest came, under these tags."""
    return event(ChangeKind.MANIFEST_PUSHED, digest=DIGEST, tags=list(tags), **more)


def quota(used: int, limit: int = 1 << 30, what: str = "bytes") -> Event:
    """So much of a quota of `team` is used."""
    return event(
        ChangeKind.QUOTA_WARNED, path="team", quota=what, used=used, limit=limit, repository="team/app"
    )._replace(path="team")


def retained(dropped: int, skipped: int = 0) -> Event:
    """A plan of retention was carried out."""
    return event(ChangeKind.RETENTION_APPLIED, path="team", plan=9, dropped=dropped, skipped=skipped, bytes=1)._replace(
        path="team"
    )


def read(payload: Payload) -> Any:
    """The JSON of a body; nothing in it is JSON for Python alone."""
    return json.loads(payload.body.decode("ascii"), parse_constant=_no_constant)


def _no_constant(text: str) -> None:
    raise AssertionError(text)


ALL: Mapping[str, tuple[Event, About]] = {
    "pushed": (pushed("v1", "latest"), about()),
    "pushed by digest": (pushed(), about()),
    "moved": (event(ChangeKind.TAG_MOVED, digest=DIGEST, tags=["v1"]), about()),
    "promoted here": (
        event(ChangeKind.IMAGE_PROMOTED, digest=DIGEST, source="dev/app:v1", target="team/app:v1", tags=["v1"]),
        about(),
    ),
    "promoted from here": (
        event(ChangeKind.IMAGE_PROMOTED, digest=DIGEST, source="team/app:v1", target="prod/app:v1", tags=["v1"]),
        about(),
    ),
    "promoted by digest": (
        event(
            ChangeKind.IMAGE_PROMOTED, digest=DIGEST, source=f"dev/app@{DIGEST}", target=f"team/app@{DIGEST}", tags=[]
        ),
        about(),
    ),
    "promoted to what it was": (
        event(ChangeKind.IMAGE_PROMOTED, digest=DIGEST, source="dev/app:v1", target="team/app:v1", tags=[]),
        about(),
    ),
    "tag undeleted": (event(ChangeKind.TAG_UNDELETED, digest=DIGEST, tag="v1"), about()),
    "manifest undeleted": (event(ChangeKind.MANIFEST_UNDELETED, digest=DIGEST, tags=["v1"]), about()),
    "manifest undeleted alone": (event(ChangeKind.MANIFEST_UNDELETED, digest=DIGEST, tags=[]), about()),
    "rolled back": (
        event(ChangeKind.ROLLBACK_APPLIED, target="team/app", to=1, created=0, moved=1, deleted=1, tags="v*"),
        about(Move("v1", DIGEST, OTHER), Move("v2", DIGEST, None)),
    ),
    "tag deleted": (event(ChangeKind.TAG_DELETED, tag="v1"), about(Move("v1", DIGEST, None))),
    "manifest deleted": (
        event(ChangeKind.MANIFEST_DELETED, digest=DIGEST),
        about(Move("latest", DIGEST, None), Move("v1", DIGEST, None), manifests={}),
    ),
    "untagged manifest deleted": (event(ChangeKind.MANIFEST_DELETED, digest=DIGEST), about(manifests={})),
    "purged here": (event(ChangeKind.CONTENT_PURGED, digest=DIGEST, reason="secret", tags=["v1"]), about()),
    "purge asked for": (event(ChangeKind.CONTENT_PURGED, path="", digest=DIGEST, reason="secret"), about()),
    "blob deleted": (event(ChangeKind.BLOB_DELETED, digest=OTHER), about()),
    "repository deleted": (
        event(ChangeKind.REPOSITORY_DELETED, repository="team/app", id=7, tags=3, bytes=9),
        about(repository=None, manifests={}),
    ),
    "quota nearly used": (quota(900 << 20), about(repository=None, manifests={})),
    "quota used": (quota(1 << 30), about(repository=None, manifests={})),
    "quota of tags": (quota(90, 100, "tags"), about(repository=None, manifests={})),
    "retention": (retained(5, 2), about(repository=None, manifests={})),
    "retention of nothing": (retained(0), about(repository=None, manifests={})),
    "user created": (event(ChangeKind.USER_CREATED, path="", id=1, name="bob"), about(repository=None, manifests={})),
}
