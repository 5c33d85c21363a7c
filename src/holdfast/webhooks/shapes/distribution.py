"""The notifications of distribution (the reference registry), and ACR's webhook, which is one of their events.

Sources: github.com/distribution/distribution `notifications/event.go`, `notifications/bridge.go`,
`docs/content/about/notifications.md`; "Azure Container Registry webhook reference". `length` is `size` under its old
name, receivers read either. A deletion names the digest and the repository, or the tag and the repository, or the
repository alone. `request.host` is the registry's public name: receivers put it before the repository to find what they
run. The address and agent of the client are for auditors, so `request.addr` is not there and `useragent` is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from holdfast.journal.model import ChangeKind
from holdfast.journal.moments import rfc3339
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.changes import DELETING, PUSHING, deletions, pushes
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.writing import JSON, json_payload, json_text, person, unique_id

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"
KINDS = PUSHING | DELETING | {ChangeKind.BLOB_DELETED, ChangeKind.REPOSITORY_DELETED}
_ACR_AGENT = MappingProxyType({"user-agent": "AzureContainerRegistry/1.0 (compatible; Holdfast)"})
"""Receivers of several services know ACR's requests by it: Kargo's `pkg/webhook/external/azure.go`."""
ACR_KINDS = PUSHING | {ChangeKind.MANIFEST_DELETED, ChangeKind.CONTENT_PURGED}


def envelope(event: Event, about: About) -> Sequence[Payload]:
    """All that the event is, in one envelope."""
    told = [*_pushed(event, about), *_deleted(event, about)]
    if event.kind == ChangeKind.BLOB_DELETED:
        told.append(("delete", {"digest": event.digest, "repository": event.path}))
    elif event.kind == ChangeKind.REPOSITORY_DELETED:
        told.append(("delete", {"repository": event.path}))
    if not told:
        return ()
    records = [_record(event, about, n, action, target) for n, (action, target) in enumerate(told)]
    return (json_payload({"events": records}, MEDIA_TYPE),)


def acr(event: Event, about: About) -> Sequence[Payload]:
    """One body for each tag that was pushed, and for a manifest that was deleted. What has no tag is not told as a
    push: receivers refuse it."""
    told = [(action, target) for action, target in _pushed(event, about) if "tag" in target]
    told += [("delete", target) for _, target in _deleted(event, about) if "digest" in target]
    payloads = []
    for n, (action, target) in enumerate(told):
        record = _record(event, about, n, action, {name: target[name] for name in target if name != "url"})
        told_of = json_text({name: record[name] for name in record if name not in {"actor", "source"}})
        payloads.append(Payload(told_of.encode(), JSON, _ACR_AGENT))
    return payloads


def _pushed(event: Event, about: About) -> list[tuple[str, dict[str, Any]]]:
    told = []
    for tag, digest in pushes(event, about):
        target: dict[str, Any] = {"digest": digest, "repository": event.path}
        known = about.facts.manifests.get(digest)
        if known is not None:
            target |= {"mediaType": known.media_type, "size": known.size, "length": known.size}
        target["url"] = f"{about.source}/v2/{event.path}/manifests/{digest}"
        if tag is not None:
            target["tag"] = tag
        told.append(("push", target))
    return told


def _deleted(event: Event, about: About) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            "delete",
            {"digest": digest, "repository": event.path} if tag is None else {"repository": event.path, "tag": tag},
        )
        for tag, digest in deletions(event, about)
    ]


def _record(event: Event, about: About, n: int, action: str, target: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": unique_id(event, about, n),
        "timestamp": rfc3339(event.at),
        "action": action,
        "target": target,
        "request": {
            "id": event.request,
            "host": about.host,
            "method": "PUT" if action == "push" else "DELETE",
            "useragent": "",
        },
        "actor": {"name": person(event.actor)},
        "source": {"addr": about.host, "instanceID": about.installation},
    }
