"""The form of a webhook: what may be chosen in it, what it is filled in with, and what is asked for with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.access.errors import Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.journal.model import ChangeKind
from holdfast.registry.events.kinds import Sight, sight_of
from holdfast.web.forms import Fields
from holdfast.webhooks import checking
from holdfast.webhooks.model import CONCURRENCY, CONTENT_TYPE, Change, Draft, Filter, Webhook
from holdfast.webhooks.shapes.catalogue import DEFAULT, SHAPES, TEMPLATE

SHAPE_WORDS = {name: f"{name} \N{EN DASH} {each.says}" for name, each in SHAPES.items()}
_TITLES = {
    Sight.IMAGES: "Images and tags",
    Sight.PLACE: "Repositories and settings",
    Sight.WHOLE: "Quotas, retention, inventory",
    Sight.RUNNING: "The work of the installation",
    Sight.AUDIT: "Access, keys, people",
}
_TEXTS = ("name", "url", "shape", "repositories", "tags", "headers", "template", "content_type", "concurrency")


class Group(NamedTuple):
    """Types of events that need the same to be told of. `barred`: why the caller may not be, '' he may."""

    title: str
    kinds: Sequence[str]
    barred: str


class Given(NamedTuple):
    """What stands in the form. `events`: those that are checked; `words`: whole families of events that are (an API
    may ask for `tag`); `signed`, `plain`: whether it signs; its headers are to go."""

    texts: Mapping[str, str]
    events: frozenset[str]
    words: Sequence[str] = ()
    signed: bool = True
    plain: bool = False


def groups_for(permit: PathPermit, path: str) -> list[Group]:
    """All types of events, by what being told of them needs."""
    found = []
    for sight, title in _TITLES.items():
        kinds = [str(kind) for kind in ChangeKind if sight_of(kind) is sight]
        try:
            checking.require_sights(permit, path, checking.sights_of(kinds))
        except Denied as error:
            found.append(Group(title, kinds, str(error)))
        else:
            found.append(Group(title, kinds, ""))
    return found


def fresh() -> Given:
    """The form of a new webhook."""
    texts = dict.fromkeys(_TEXTS, "")
    texts |= {"shape": DEFAULT, "content_type": CONTENT_TYPE, "concurrency": str(CONCURRENCY)}
    return Given(texts, frozenset(map(str, SHAPES[DEFAULT].usual)))


def of_webhook(found: Webhook) -> Given:
    """The form of a webhook that is there; its URL and headers are secret, and not shown again."""
    return Given(
        {
            "name": found.name,
            "url": "",
            "shape": found.shape,
            "repositories": "\n".join(found.filter.repositories),
            "tags": "\n".join(found.filter.tags),
            "headers": "",
            "template": found.template or "",
            "content_type": found.content_type,
            "concurrency": str(found.concurrency),
        },
        frozenset(found.filter.events),
        _families(found.filter.events),
        found.signed,
    )


def as_given(fields: Fields) -> Given:
    """The form as it was sent; what is secret in it is not shown again."""
    texts = {name: fields.get(name, "") for name in _TEXTS} | {"headers": ""}
    events = fields.many("event")
    return Given(texts, frozenset(events), _families(events), "signed" in fields, "plain" in fields)


def draft_of(fields: Fields, path: str) -> Draft:
    """The webhook that a form asks for. Raises `Invalid`."""
    return Draft(
        path=path,
        url=_url(fields),
        name=fields.get("name", "").strip(),
        shape=fields.get("shape", ""),
        filter=_filter(fields),
        headers=_headers(fields.get("headers", "")),
        template=_template(fields),
        content_type=fields.get("content_type", "").strip() or CONTENT_TYPE,
        signed="signed" in fields,
        concurrency=_number(fields.get("concurrency", "")),
    )


def change_of(fields: Fields) -> Change:
    """The change that a form asks for: without a URL, and without headers, those that there are stay. Raises
    `Invalid`."""
    asked = _filter(fields)
    headers = _headers(fields.get("headers", ""))
    if not asked.events:
        raise Invalid("events", "choose at least one type of event")
    return Change(
        name=fields.get("name", "").strip(),
        url=_url(fields) or None,
        shape=fields.get("shape", ""),
        events=asked.events,
        repositories=asked.repositories,
        tags=asked.tags,
        headers=headers if headers or "plain" in fields else None,
        template=_template(fields),
        content_type=fields.get("content_type", "").strip() or CONTENT_TYPE,
        concurrency=_number(fields.get("concurrency", "")),
    )


def _families(events: Sequence[str] | frozenset[str]) -> list[str]:
    return sorted(each for each in events if "." not in each)


def _url(fields: Fields) -> str:
    return fields.get("url", "").strip()


def _filter(fields: Fields) -> Filter:
    return Filter(tuple(fields.many("event")), _words(fields.get("repositories", "")), _words(fields.get("tags", "")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _template(fields: Fields) -> str | None:
    return fields.get("template", "").replace("\r\n", "\n") if fields.get("shape") == TEMPLATE else None


def _headers(text: str) -> dict[str, str]:
    """Headers as they are written: a name, a colon, a value, each on a line of its own."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or name.strip() in found:
            raise Invalid("headers", "a header is a line 'Name: value', each name once")
        found[name.strip()] = value.strip()
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise Invalid("concurrency", "this is a whole number")
    return int(text)
