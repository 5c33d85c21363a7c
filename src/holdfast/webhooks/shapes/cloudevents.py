"""CloudEvents 1.0 over HTTP: structured mode, which is what a webhook says by default, and binary mode.

Sources: cloudevents/spec v1.0.2, `spec.md`, `formats/json-format.md`, `bindings/http-protocol-binding.md` (3.1.3.2 for
how values stand in headers). Every event is told, one request each; the webhook's body is what the events API says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.registry.events.model import CONTENT_TYPE, Event, cloud_event
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.writing import json_payload, json_text

_MOST_BYTES = 1024
"""Of one attribute in a header; names that are longer are cut, the body has them whole."""
_PLAIN = frozenset(chr(code) for code in range(0x21, 0x7F)) - {'"', "%"}
_PRINTABLE = re.compile(r"[!#$&-~]*")


def structured(event: Event, about: About) -> Sequence[Payload]:
    """The whole event as one JSON document."""
    return (json_payload(cloud_event(event, about.source), CONTENT_TYPE),)


def binary(event: Event, about: About) -> Sequence[Payload]:
    """The attributes in headers, the data as the body."""
    told = cloud_event(event, about.source)
    data, content_type = told.pop("data"), told.pop("datacontenttype")
    headers = {f"ce-{name}": header_value(str(value)) for name, value in told.items()}
    return (Payload(json_text(data).encode(), content_type, headers),)


def header_value(text: str) -> str:
    """`text` as a header may hold it: what is not printable ASCII, and space, quote and percent, as %XX of UTF-8."""
    if _PRINTABLE.fullmatch(text):
        return text[:_MOST_BYTES]
    written = (each if each in _PLAIN else _percent(each) for each in text)
    kept, size = [], 0
    for each in written:
        size += len(each)
        if size > _MOST_BYTES:
            break
        kept.append(each)
    return "".join(kept)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
