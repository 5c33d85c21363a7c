"""The webhook of Docker Hub: one body for each tag that was pushed; Hub knows nothing else.

Sources: docs.docker.com/docker-hub/webhooks; the receivers of keel (`pkg/http/dockerhub_webhook_trigger.go`) and Flux
(`internal/server/receiver_handlers.go`). `repo_name` is the name that clients pull by, so with the registry's host
(Hub's own is implied there): receivers compare it to what they run. Kargo's (`pkg/webhook/external/dockerhub.go`) tells
images and charts apart by `media_type`, which Hub sends of an image's configuration.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.changes import PUSHING, pushes
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.writing import json_payload, person, seconds, split

KINDS = PUSHING


def hub(event: Event, about: About) -> Sequence[Payload]:
    """The pushes of tags, one by one."""
    namespace, name = split(event.path)
    known = about.facts.repository
    repository = {
        "comment_count": 0,
        "date_created": seconds(known.born if known is not None else event.at),
        "description": known.description if known is not None else "",
        "dockerfile": "",
        "full_description": "",
        "is_official": False,
        "is_private": known is None or not known.public,
        "is_trusted": False,
        "name": name,
        "namespace": namespace,
        "owner": namespace,
        "repo_name": f"{about.host}/{event.path}",
        "repo_url": f"{about.source}/{event.path}",
        "star_count": 0,
        "status": "Active",
    }
    return [
        json_payload(
            {
                # Hub lets receivers tell here how they fared. Nothing listens: the answer to the request says it.
                "callback_url": f"{about.source}/",
                "push_data": {
                    "images": [],
                    **_media_type(about, digest),
                    "pushed_at": seconds(event.at),
                    "pusher": person(event.actor),
                    "tag": tag,
                },
                "repository": repository,
            }
        )
        for tag, digest in pushes(event, about)
        if tag is not None
    ]


def _media_type(about: About, digest: str) -> dict[str, str]:
    known = about.facts.manifests.get(digest)
    return {"media_type": known.artifact_type or known.media_type} if known is not None else {}
