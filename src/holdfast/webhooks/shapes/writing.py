"""How shapes write: JSON, times, names of people and repositories, ids. Pure."""

from __future__ import annotations

import json
import uuid

from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.model import About, Payload

JSON = "application/json"
_SECOND = 1_000_000
_ROBOT = "robot:"
_SURROGATE = "\\ud"


def json_payload(document: object, content_type: str = JSON) -> Payload:
    """`document` as a body: ASCII, on one line."""
    return Payload(json_text(document).encode(), content_type)


def json_text(value: object) -> str:
    """`value` as JSON of ASCII characters, without spaces. Half a surrogate pair, which strict readers refuse,
    becomes a question mark."""
    text = _dumped(value, ascii=True)
    if _SURROGATE in text:
        text = _dumped(json.loads(_dumped(value, ascii=False).encode("utf-8", "replace")), ascii=True)
    return text


def _dumped(value: object, *, ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii, separators=(",", ":"), allow_nan=False)


def seconds(moment: int) -> int:
    """Microseconds since the epoch as whole seconds."""
    return moment // _SECOND


def unique_id(event: Event, about: About, n: int = 0) -> str:
    """The id of the `n`th thing that an event is told as: a UUID that is the same whenever it is told."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:holdfast:{about.installation}:{event.pos}:{n}"))


def person(actor: str, robot: str = "") -> str:
    """Who did it, without what kind of account it is; `robot`: what stands before the name of a robot."""
    if actor.startswith(_ROBOT):
        return robot + actor.removeprefix(_ROBOT)
    return actor.removeprefix("user:")


def split(path: str) -> tuple[str, str]:
    """The namespace of a repository and its own name."""
    namespace, _, name = path.rpartition("/")
    return namespace, name


def image(event: Event, about: About, tag: str | None, digest: str) -> str:
    """What clients pull: `registry.example.com/team/app:v1`, by digest without a tag."""
    return f"{about.host}/{event.path}:{tag}" if tag is not None else f"{about.host}/{event.path}@{digest}"
