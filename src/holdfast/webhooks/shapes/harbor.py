"""The webhooks of Harbor, in its two formats: its own (`Default`) and CloudEvents.

Sources: github.com/goharbor/harbor `src/pkg/notifier/model/event.go` (the fields), `formats/default.go` and
`formats/cloudevents.go` beside it, `src/controller/event/handler/webhook` (`artifact/artifact.go`: one resource for
each push, `tag` is the digest where there is none; `artifact/retention.go`, `quota/quota.go`); the receivers of keel
(`pkg/http/harbor_webhook_trigger.go`), Flux, Argo CD Image Updater and Kargo. Harbor's "project" is the first
segment of a repository's name. A push has one tag there, and some receivers look at the first resource alone: an event
with several tags is told tag by tag. Harbor tells that an artifact is gone, not that a tag is; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.journal.model import ChangeKind
from holdfast.journal.moments import rfc3339
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.changes import PUSHING, deletions, pushes
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.quotas import quota_of
from holdfast.webhooks.shapes.writing import image, json_payload, person, seconds, unique_id

KINDS = PUSHING | {
    ChangeKind.MANIFEST_DELETED,
    ChangeKind.CONTENT_PURGED,
    ChangeKind.QUOTA_WARNED,
    ChangeKind.RETENTION_APPLIED,
}
_CLOUD_TYPES = {
    "PUSH_ARTIFACT": "harbor.artifact.pushed",
    "DELETE_ARTIFACT": "harbor.artifact.deleted",
    "QUOTA_EXCEED": "harbor.quota.exceeded",
    "QUOTA_WARNING": "harbor.quota.warned",
    "TAG_RETENTION": "harbor.tag_retention.finished",
}
_ROBOT = "robot$"


def default(event: Event, about: About) -> Sequence[Payload]:
    """Harbor's own format."""
    return [
        json_payload({"type": name, "occur_at": seconds(event.at), "operator": _operator(event), "event_data": data})
        for name, data in _told(event, about)
    ]


def cloud(event: Event, about: About) -> Sequence[Payload]:
    """The same as CloudEvents."""
    project = event.path.partition("/")[0]
    return [
        json_payload(
            {
                "specversion": "1.0",
                "id": unique_id(event, about, n),
                "source": f"/projects/{project}/webhook/policies/{about.subscription.id}",
                "type": _CLOUD_TYPES[name],
                "datacontenttype": "application/json",
                "time": rfc3339(seconds(event.at) * 1_000_000),
                "data": data,
                "operator": _operator(event),
                "requestid": event.request,
            },
            "application/cloudevents+json",
        )
        for n, (name, data) in enumerate(_told(event, about))
    ]


def _operator(event: Event) -> str:
    return person(event.actor, _ROBOT)


def _told(event: Event, about: About) -> list[tuple[str, dict[str, Any]]]:
    if event.kind == ChangeKind.QUOTA_WARNED:
        return _quota(event, about)
    if event.kind == ChangeKind.RETENTION_APPLIED:
        return _retention(event, about)
    pushed = [_artifact(event, about, tag, digest) for tag, digest in pushes(event, about)]
    if pushed:
        return [("PUSH_ARTIFACT", data) for data in pushed]
    if event.kind not in KINDS:
        return []
    gone = deletions(event, about)
    if not any(each.tag is None for each in gone):
        return []
    tagged = [each for each in gone if each.tag is not None] or gone
    return [("DELETE_ARTIFACT", _artifact(event, about, tag, digest)) for tag, digest in tagged]


def _artifact(event: Event, about: About, tag: str | None, digest: str) -> dict[str, Any]:
    resource = {"digest": digest, "tag": tag or digest, "resource_url": image(event, about, tag, digest)}
    return {"resources": [resource], "repository": _repository(event.path, about)}


def _repository(path: str, about: About) -> dict[str, Any]:
    known = about.facts.repository
    project, slash, name = path.partition("/")
    told: dict[str, Any] = {"date_created": seconds(known.born)} if known is not None else {}
    return told | {
        "name": name if slash else project,
        "namespace": project if slash else "",
        "repo_full_name": path,
        "repo_type": "public" if known is not None and known.public else "private",
    }


def _quota(event: Event, about: About) -> list[tuple[str, dict[str, Any]]]:
    quota = quota_of(event)
    if quota is None:
        return []
    repository = _repository(quota.repository or event.path, about)
    data = {"repository": repository, "custom_attributes": {"Details": quota.sentence}}
    return [("QUOTA_EXCEED" if quota.full else "QUOTA_WARNING", data)]


def _retention(event: Event, about: About) -> list[tuple[str, dict[str, Any]]]:
    dropped, skipped = (event.data.get(name, 0) for name in ("dropped", "skipped"))
    if not dropped:
        return []
    retention = {
        "total": dropped + skipped,
        "retained": skipped,
        "harbor_hostname": about.host,
        "project_name": event.path.partition("/")[0],
        "retention_policy_id": event.data.get("plan", 0),
        "result": "SUCCESS",
    }
    return [("TAG_RETENTION", {"retention": retention})]
