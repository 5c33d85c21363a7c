"""What may be said of a webhook: its name, types of events, globs, headers, template. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from holdfast.access.errors import Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import GlobInvalid, RepositoryGlob, TagGlob
from holdfast.access.policy.model import Action
from holdfast.journal.model import ChangeKind
from holdfast.registry.events.kinds import Sight, sight_of
from holdfast.webhooks import model
from holdfast.webhooks.model import Draft, Filter
from holdfast.webhooks.shapes import catalogue, template

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z")
_OURS = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "expect", "host", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "user-agent", "cookie"}
)
_FIRST = frozenset(str(kind).partition(".")[0] for kind in ChangeKind)
_BITS = {sight: 1 << place for place, sight in enumerate(Sight)}


def check(draft: Draft) -> Draft:
    """`draft` with what it leaves open. Raises `Invalid`."""
    if draft.shape not in catalogue.SHAPES:
        raise Invalid("shape", f"there is no shape {draft.shape[:64]!r}: {', '.join(catalogue.SHAPES)}")
    if (draft.shape == catalogue.TEMPLATE) != (draft.template is not None):
        raise Invalid("template", f"a template is given with the shape '{catalogue.TEMPLATE}', and with no other")
    try:
        catalogue.shape_of(draft.shape, draft.template or "", draft.content_type)
    except template.TypeInvalid as error:
        raise Invalid("content_type", str(error)) from error
    except template.TemplateInvalid as error:
        raise Invalid("template", str(error)) from error
    if not 1 <= draft.concurrency <= model.MOST_CONCURRENCY:
        raise Invalid("concurrency", f"from 1 to {model.MOST_CONCURRENCY} repositories are told at once")
    return Draft(
        path=draft.path,
        url=draft.url,
        name=_name(draft.name or (urlsplit(draft.url).hostname or "").strip("[]").replace(":", "-")),
        shape=draft.shape,
        filter=_filter(draft.filter, draft.shape),
        headers=_headers(draft.headers),
        template=draft.template,
        content_type=draft.content_type,
        signed=draft.signed,
        concurrency=draft.concurrency,
    )


def kinds_of(events: Iterable[str]) -> frozenset[str]:
    """Every kind of event that `events` (kinds, or their first word) speak of."""
    words = set(events)
    return frozenset(str(kind) for kind in ChangeKind if kind in words or str(kind).partition(".")[0] in words)


def sights_of(events: Iterable[str]) -> int:
    """What being told of these events needs, as it is kept: a set of bits."""
    return sum({_BITS[sight_of(kind)] for kind in kinds_of(events)})


def within(kind: str, sights: int) -> bool:
    """Whether an event of `kind` needs no more than `sights`."""
    return bool(_BITS[sight_of(kind)] & sights)


def require_sights(permit: PathPermit, path: str, sights: int) -> None:
    """Raise `Denied` unless the caller may be told of all such events at and below `path`: a webhook there tells them
    to whoever its owner names."""
    for sight, bit in _BITS.items():
        if not sights & bit or not permit.lacks(Action.READ_AUDIT, path):
            continue
        if sight in (Sight.IMAGES, Sight.WHOLE):
            permit.require_all(Action.LIST, path)
        elif sight is Sight.RUNNING and not permit.system(Action.OPERATE):
            raise Denied(f"these events need '{Action.OPERATE}'", action=str(Action.OPERATE))
        elif sight is Sight.AUDIT:
            permit.require_all(Action.READ_AUDIT, path)


def written(filter: Filter) -> str:
    """A filter as its row keeps it."""
    return json.dumps([filter.events, filter.repositories, filter.tags], separators=(",", ":"))


def read(text: str) -> Filter:
    """The filter that a row keeps."""
    return Filter(*map(tuple, json.loads(text)))


def shown_url(url: str) -> str:
    """A URL for people: where it leads to, without what may be a secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" + ("/..." if parts.path.strip("/") or parts.query else parts.path)


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise Invalid("name", "a name has 1 to 128 letters, digits, '.', '_' and '-'")
    return text


def _filter(given: Filter, shape: str) -> Filter:
    events = given.events or tuple(sorted(catalogue.SHAPES[shape].usual))
    for word in events:
        if word not in _FIRST and word not in set(ChangeKind):
            raise Invalid("events", f"there is no type of event {word[:64]!r}")
    sendable = catalogue.SHAPES[shape].kinds
    if not any(kind in sendable for kind in kinds_of(events)):
        raise Invalid("events", f"the shape '{shape}' has no word for any of these types of event")
    for field, globs in (("repositories", given.repositories), ("tags", given.tags)):
        for text in globs:
            try:
                RepositoryGlob.parse(text) if field == "repositories" else TagGlob.parse(text)
            except GlobInvalid as error:
                raise Invalid(field, str(error)) from error
    for field, words in given._asdict().items():
        if len(words) > model.MOST_WORDS:
            raise Invalid(field, f"at most {model.MOST_WORDS} of them")
    unique = (tuple(dict.fromkeys(map(str, words))) for words in (events, given.repositories, given.tags))
    return Filter(*unique)


def _headers(given: Mapping[str, str]) -> Mapping[str, str]:
    if len(given) > model.MOST_HEADERS or len({name.lower() for name in given}) < len(given):
        raise Invalid("headers", f"at most {model.MOST_HEADERS} headers, each of another name")
    for name, value in given.items():
        if not _HEADER.match(name) or name.lower() in _OURS or name.lower().startswith(("webhook-", "proxy-", "ce-")):
            raise Invalid("headers", f"the header {name[:64]!r} cannot be set")
        if len(value) > model.HEADER_BYTES or not _VALUE.match(value):
            raise Invalid("headers", f"the header {name!r} has 1 to {model.HEADER_BYTES} printable ASCII characters")
    if sum(len(name) + len(value) for name, value in given.items()) > model.HEADERS_BYTES:
        raise Invalid("headers", f"all headers together have at most {model.HEADERS_BYTES} bytes")
    return dict(given)
