"""What receivers of other registries' webhooks read, field by field, from the sources that each names.

A body is read strictly: a field that the source does not have, or that has another type, is an error. What Go writes
with `omitempty` may be missing, everything else is there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


# -- Harbor: goharbor/harbor src/pkg/notifier/model/event.go, src/controller/event/model/event.go ----------------------


class HarborResource(_Strict):
    digest: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    resource_url: str | UnsetType = UNSET
    scan_overview: dict[str, Any] | UnsetType = UNSET
    sbom_overview: dict[str, Any] | UnsetType = UNSET


class HarborRepository(_Strict):
    name: str
    namespace: str
    repo_full_name: str
    repo_type: Literal["public", "private"]
    date_created: int | UnsetType = UNSET


class HarborRetention(_Strict):
    total: int
    retained: int
    harbor_hostname: str | UnsetType = UNSET
    project_name: str | UnsetType = UNSET
    retention_policy_id: int | UnsetType = UNSET
    retention_rule: list[Any] | UnsetType = UNSET
    result: str | UnsetType = UNSET
    deleted_artifact: list[Any] | UnsetType = UNSET


class HarborData(_Strict):
    resources: list[HarborResource] | UnsetType = UNSET
    repository: HarborRepository | UnsetType = UNSET
    retention: HarborRetention | UnsetType = UNSET
    custom_attributes: dict[str, str] | UnsetType = UNSET


class Harbor(_Strict):
    type: Literal["PUSH_ARTIFACT", "DELETE_ARTIFACT", "QUOTA_WARNING", "QUOTA_EXCEED", "TAG_RETENTION"]
    occur_at: int
    operator: str
    event_data: HarborData


class HarborCloud(_Strict):
    """formats/cloudevents.go."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal[
        "harbor.artifact.pushed",
        "harbor.artifact.deleted",
        "harbor.quota.warned",
        "harbor.quota.exceeded",
        "harbor.tag_retention.finished",
    ]
    datacontenttype: Literal["application/json"]
    time: datetime
    data: HarborData
    operator: str
    requestid: str


# -- Docker Hub: docs.docker.com/docker-hub/webhooks -------------------------------------------------------------------


class HubPush(_Strict):
    images: list[str]
    pushed_at: int
    pusher: str
    tag: str
    media_type: str | UnsetType = UNSET


class HubRepository(_Strict):
    comment_count: int
    date_created: int
    description: str
    dockerfile: str
    full_description: str
    is_official: bool
    is_private: bool
    is_trusted: bool
    name: str
    namespace: str
    owner: str
    repo_name: str
    repo_url: str
    star_count: int
    status: Literal["Active"]


class Hub(_Strict):
    callback_url: str
    push_data: HubPush
    repository: HubRepository


# -- Quay: quay/quay notifications/__init__.py, notifications/notificationevent.py -------------------------------------


class QuayPush(_Strict):
    repository: str
    namespace: str
    name: str
    docker_url: str
    homepage: str
    updated_tags: list[str]


class QuayQuota(_Strict):
    namespace: str
    homepage: str
    threshold_percent: int
    usage_bytes: int
    limit_bytes: int
    usage_percent: int
    usage_bytes_formatted: str
    limit_bytes_formatted: str


# -- distribution: distribution/distribution notifications/event.go ----------------------------------------------------


class DistributionTarget(_Strict, rename="camel"):
    media_type: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    length: int | UnsetType = UNSET
    repository: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET


class DistributionRequest(_Strict):
    id: str
    method: str
    useragent: str
    host: str | UnsetType = UNSET


class DistributionActor(_Strict):
    name: str | UnsetType = UNSET


class DistributionSource(_Strict, rename={"instance_id": "instanceID"}):
    addr: str | UnsetType = UNSET
    instance_id: str | UnsetType = UNSET


class DistributionEvent(_Strict):
    id: str
    timestamp: datetime
    action: Literal["push", "delete"]
    target: DistributionTarget
    request: DistributionRequest
    actor: DistributionActor
    source: DistributionSource


class Distribution(_Strict):
    events: list[DistributionEvent]


# -- ACR: "Azure Container Registry webhook reference" -----------------------------------------------------------------


class AcrTarget(_Strict, rename="camel"):
    digest: str
    repository: str
    media_type: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    length: int | UnsetType = UNSET
    tag: str | UnsetType = UNSET


class Acr(_Strict):
    id: str
    timestamp: datetime
    action: Literal["push", "delete"]
    target: AcrTarget
    request: DistributionRequest


# -- Slack: incoming webhooks; Teams: adaptive cards 1.2 ---------------------------------------------------------------


class Slack(_Strict):
    text: str
    unfurl_links: bool
    unfurl_media: bool


class TeamsRun(_Strict):
    type: Literal["TextRun"]
    text: str
    weight: Literal["Bolder", "Default"]


class TeamsBlock(_Strict):
    type: Literal["RichTextBlock"]
    inlines: list[TeamsRun]


class TeamsCard(_Strict, rename={"schema": "$schema"}):
    schema: str
    type: Literal["AdaptiveCard"]
    version: Literal["1.2"]
    body: list[TeamsBlock]


class TeamsAttachment(_Strict, rename="camel"):
    content_type: Literal["application/vnd.microsoft.card.adaptive"]
    content_url: None
    content: TeamsCard


class Teams(_Strict):
    type: Literal["message"]
    attachments: list[TeamsAttachment]


READERS: dict[str, Any] = {
    "harbor": Harbor,
    "harbor-cloudevents": HarborCloud,
    "docker-hub": Hub,
    "quay": QuayPush | QuayQuota,
    "distribution": Distribution,
    "acr": Acr,
    "slack": Slack,
    "teams": Teams,
}


def understand(shape: str, body: bytes) -> Any:
    """What a receiver of this shape reads. Raises `msgspec.DecodeError`."""
    if shape == "quay":  # told apart by what the webhook is subscribed to; here by a field that only one has
        return msgspec.json.decode(body, type=QuayPush if b'"updated_tags"' in body else QuayQuota)
    return msgspec.json.decode(body, type=READERS[shape])
