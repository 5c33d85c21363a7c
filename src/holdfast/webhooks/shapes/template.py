"""A body that its owner writes: text with placeholders, `{"text": "${repository}:${tag} is new"}`.

Promises: a template is read once, when it is saved, and refused there with line and reason, or it works for every
event: whatever stands in a name, a tag or a description, what it makes is of its content type. In JSON a placeholder
inside a string is the text, escaped; elsewhere it is a JSON value (a string with its quotes, a number, a list, null).
In a form it is percent-encoded. There is nothing else: no conditions, loops, calls or attributes, so that its time and
size are those of its text, and it reaches nothing but what stands in `FIELDS`. A template that names `tag` or `image`
is sent once for each tag that was pushed; a tag is then never missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from holdfast.registry.events.model import Event, cloud_event
from holdfast.webhooks.shapes.changes import pushes
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.writing import image, json_text, split

MOST_CHARACTERS = 16_384
MOST_PLACEHOLDERS = 50
MOST_VALUE = 8_192
"""So many characters of one value are told; a list or object that is longer is told as null."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "id": "the number of the event; the same whenever it is told",
        "type": "its type: `holdfast.manifest.pushed`",
        "time": "when it happened: `2026-11-22T03:04:05.678901Z`",
        "source": "the registry's URL",
        "host": "the name by which clients name the registry",
        "subject": "what it is about: `team/app:v1`",
        "actor": "who did it: `user:ann`, `robot:team+ci`",
        "requestid": "the id of the request, as in the log",
        "path": "the repository or namespace",
        "repository": "the same",
        "namespace": "what stands before the last `/` of it",
        "name": "what stands behind",
        "digest": "the digest; with `tag`, the one that the tag names now",
        "tag": "a tag that was pushed",
        "tags": "all tags that were pushed, as a list",
        "image": "what clients pull: `registry.example.com/team/app:v1`",
        "webhook": "the name of this webhook",
        "data": "all data of the event, as an object",
    }
)
"""What a placeholder may name. `data.NAME` is one field of the data as well; null where the event has none."""
_EACH_TAG = frozenset({"tag", "image"})
_CONTENT_TYPE = re.compile(r"(application|text)/([a-z0-9][a-z0-9.+-]{0,80})(; ?charset=utf-8)?", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\$(?:(\$)(?=\{)|\{([^{}\n]{0,80})(\}?))")
_DATA = re.compile(r"data\.([a-z_]{1,40})")


class TemplateInvalid(ValueError):
    """A template or content type that is not taken; it says on which line, and why."""


class TypeInvalid(TemplateInvalid):
    """A content type that is not taken."""


class _Place(Enum):
    """Where a placeholder stands, which says how its value is written there."""

    JSON_STRING = "in a string of JSON"
    JSON_VALUE = "where JSON has a value"
    FORM = "in a form"
    TEXT = "in text"


class _Hole(NamedTuple):
    """A placeholder."""

    field: str
    place: _Place


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read. A shape: call it with an event."""

    content_type: str
    parts: tuple[str | _Hole, ...]
    each_tag: bool

    def __call__(self, event: Event, about: About) -> Sequence[Payload]:
        """The bodies for an event."""
        told = cloud_event(event, about.source)
        pushed = [each for each in pushes(event, about) if each.tag is not None]
        namespace, name = split(event.path)
        known: dict[str, Any] = {
            **{field: told.get(field) for field in ("id", "type", "time", "source", "subject", "actor", "requestid")},
            "host": about.host,
            "path": event.path,
            "repository": event.path,
            "namespace": namespace,
            "name": name,
            "digest": event.digest or None,
            "tags": [each.tag for each in pushed],
            "webhook": about.subscription.name,
            "data": told["data"],
        }
        if not self.each_tag:
            return (self._payload(known),)
        return [
            self._payload({**known, "tag": tag, "digest": digest, "image": image(event, about, tag, digest)})
            for tag, digest in pushed
        ]

    def _payload(self, known: Mapping[str, Any]) -> Payload:
        written = (part if isinstance(part, str) else _written(part, known) for part in self.parts)
        return Payload("".join(written).encode("utf-8", "replace"), self.content_type)


def read(text: str, content_type: str = "application/json") -> Template:
    """Read a template. Raises `TemplateInvalid`."""
    family = _family(content_type)
    if len(text) > MOST_CHARACTERS:
        raise TemplateInvalid(f"a template has {MOST_CHARACTERS} characters at most; this one has {len(text)}")
    if not text.isprintable() and any(not each.isprintable() and each not in "\n\r\t" for each in text):
        raise TemplateInvalid("a template has no control characters but line feeds and tabs")
    parts: list[str | _Hole] = []
    in_string, at, holes = False, 0, 0
    for found in _PLACEHOLDER.finditer(text):
        literal = text[at : found.start()] + ("$" if found[1] else "")
        line = text.count("\n", 0, found.start()) + 1
        if family is _Place.JSON_VALUE:
            in_string = _ends_in_string(literal, in_string, line)
        parts.append(literal)
        at = found.end()
        if found[1]:
            continue
        holes += 1
        place = _Place.JSON_STRING if in_string else family
        parts.append(_Hole(_field(found[2], line, closed=bool(found[3])), place))
    parts.append(text[at:])
    if holes > MOST_PLACEHOLDERS:
        raise TemplateInvalid(f"a template has {MOST_PLACEHOLDERS} placeholders at most; this one has {holes}")
    template = Template(content_type, tuple(parts), any(_field_of(part) in _EACH_TAG for part in parts))
    if family is _Place.JSON_VALUE:
        _check_json(template)
    return template


def _family(content_type: str) -> _Place:
    found = _CONTENT_TYPE.fullmatch(content_type)
    if found is None:
        raise TypeInvalid("the content type is application/... or text/..., with `; charset=utf-8` or nothing behind")
    kind = found[2].lower()
    if kind == "json" or kind.endswith("+json"):
        return _Place.JSON_VALUE
    if kind == "x-www-form-urlencoded":
        return _Place.FORM
    if found[1].lower() == "text" and kind == "plain":
        return _Place.TEXT
    raise TemplateInvalid(
        f"{content_type[:64]!r} is none of JSON (application/json, application/...+json), a form "
        "(application/x-www-form-urlencoded) and text/plain: nothing else is known to be escaped right"
    )


def _field(text: str, line: int, *, closed: bool) -> str:
    if not closed:
        raise TemplateInvalid(f"line {line}: a placeholder is ${{NAME}}; for the characters ${{ themselves write $${{")
    name = text.strip()
    if name in FIELDS or _DATA.fullmatch(name):
        return name
    raise TemplateInvalid(f"line {line}: there is no field {name[:64]!r}; there are {', '.join(FIELDS)} and data.NAME")


def _field_of(part: str | _Hole) -> str:
    return part.field if isinstance(part, _Hole) else ""


def _ends_in_string(text: str, inside: bool, line: int) -> bool:
    """Whether JSON is inside a string behind `text`, which ends on `line`. Raises `TemplateInvalid` where a backslash
    would speak of what comes next."""
    escaped = False
    for each in text:
        if escaped:
            escaped = False
        elif each == "\\":
            escaped = inside
        elif each == '"':
            inside = not inside
    if escaped:
        raise TemplateInvalid(f"line {line}: a backslash stands right before a placeholder")
    return inside


def _check_json(template: Template) -> None:
    """Raise `TemplateInvalid` unless the template is JSON around its placeholders."""
    filled = (
        part if isinstance(part, str) else "null" if part.place is _Place.JSON_VALUE else "" for part in template.parts
    )
    try:
        json.loads("".join(filled), parse_constant=_no_json)
    except json.JSONDecodeError as error:
        raise TemplateInvalid(f"line {error.lineno}: this is no JSON: {error.msg}") from None
    except RecursionError:
        raise TemplateInvalid("this JSON is nested too deeply") from None


def _no_json(constant: str) -> None:
    raise TemplateInvalid(f"this is no JSON: there is no {constant} in it")


def _written(hole: _Hole, known: Mapping[str, Any]) -> str:
    value = _value(hole.field, known)
    if hole.place is _Place.JSON_VALUE:
        return json_text(value)
    text = value if isinstance(value, str) else "" if value is None else json_text(value)
    if hole.place is _Place.JSON_STRING:
        return json_text(text)[1:-1]
    if hole.place is _Place.FORM:
        return quote_plus(text, errors="replace")
    return "".join(each if each.isprintable() else " " for each in text)


def _value(field: str, known: Mapping[str, Any]) -> Any:
    found = _DATA.fullmatch(field)
    value = known["data"].get(found[1]) if found is not None else known.get(field)
    if isinstance(value, str):
        return value[:MOST_VALUE]
    return value if len(json_text(value)) <= MOST_VALUE else None
