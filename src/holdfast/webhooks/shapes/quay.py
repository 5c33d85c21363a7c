"""The webhooks of Quay: pushes, and warnings of quotas.

Sources: github.com/quay/quay `notifications/__init__.py` (what every body has), `notificationevent.py` beside it (the
samples of each), `notificationmethod.py`, `endpoints/v2/manifest.py` (a push names the one tag that was put); the
receivers of keel, Flux, Kargo and Argo CD Image Updater, which looks at the first tag alone. Quay sends nothing for
what has no tag, and its bodies do not say which notification they are: a receiver of pushes is subscribed to pushes
alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.model import Event
from holdfast.registry.quotas.model import What
from holdfast.webhooks.shapes.changes import PUSHING, pushes
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.quotas import quota_of
from holdfast.webhooks.shapes.writing import json_payload, split

KINDS = PUSHING | {ChangeKind.QUOTA_WARNED}


def quay(event: Event, about: About) -> Sequence[Payload]:
    """The pushes of tags, one by one, or a warning of a quota of bytes."""
    if event.kind == ChangeKind.QUOTA_WARNED:
        return _quota(event, about)
    namespace, name = split(event.path)
    return [
        json_payload(
            {
                "repository": event.path,
                "namespace": namespace,
                "name": name,
                "docker_url": f"{about.host}/{event.path}",
                "homepage": f"{about.source}/{event.path}",
                "updated_tags": [tag],
            }
        )
        for tag, _ in pushes(event, about)
        if tag is not None
    ]


def _quota(event: Event, about: About) -> Sequence[Payload]:
    quota = quota_of(event)
    if quota is None or quota.what != What.BYTES:
        return ()
    return (
        json_payload(
            {
                "namespace": event.path,
                "homepage": f"{about.source}/{event.path}",
                "threshold_percent": quota.percent,
                "usage_bytes": quota.used,
                "limit_bytes": quota.most,
                "usage_percent": quota.percent,
                "usage_bytes_formatted": quota.written(quota.used),
                "limit_bytes_formatted": quota.written(quota.most),
            }
        ),
    )
