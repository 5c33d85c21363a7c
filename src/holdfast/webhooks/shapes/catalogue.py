"""All shapes by their names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.journal.model import ChangeKind
from holdfast.webhooks.shapes import chats, cloudevents, distribution, harbor, hub, quay, template
from holdfast.webhooks.shapes.changes import DELETING, PUSHING
from holdfast.webhooks.shapes.model import Shape

DEFAULT = "cloudevents"
TEMPLATE = "template"
_ALL = frozenset(ChangeKind)
_IMAGES = PUSHING | DELETING


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A shape. `says`: what it is, for people; `kinds`: of which its receivers have a word for, nothing is sent for any
    other; `usual`: what a webhook of this shape is told of unless it names kinds itself. `make` is None for what its
    owner writes: `shape_of` reads it."""

    name: str
    says: str
    make: Shape | None
    kinds: frozenset[ChangeKind] = _ALL
    usual: frozenset[ChangeKind] = PUSHING


SHAPES: Mapping[str, Named] = MappingProxyType(
    {
        each.name: each
        for each in (
            Named(
                name=DEFAULT,
                says="one JSON document",
                make=cloudevents.structured,
                usual=_IMAGES,
            ),
            Named(
                name="cloudevents-binary",
                says="attributes in headers",
                make=cloudevents.binary,
                usual=_IMAGES,
            ),
            Named(
                name="distribution",
                says="the reference registry's",
                make=distribution.envelope,
                kinds=distribution.KINDS,
                usual=distribution.KINDS,
            ),
            Named(
                name="harbor",
                says="Harbor's own format",
                make=harbor.default,
                kinds=harbor.KINDS,
            ),
            Named(
                name="harbor-cloudevents",
                says="Harbor's CloudEvents",
                make=harbor.cloud,
                kinds=harbor.KINDS,
            ),
            Named(
                name="docker-hub",
                says="Docker Hub's",
                make=hub.hub,
                kinds=hub.KINDS,
            ),
            Named(
                name="quay",
                says="Quay's",
                make=quay.quay,
                kinds=quay.KINDS,
            ),
            Named(
                name="acr",
                says="Azure Container Registry's",
                make=distribution.acr,
                kinds=distribution.ACR_KINDS,
            ),
            Named(
                name="slack",
                says="Slack, Mattermost, Rocket.Chat",
                make=chats.slack,
                usual=_IMAGES,
            ),
            Named(
                name="teams",
                says="Microsoft Teams",
                make=chats.teams,
                usual=_IMAGES,
            ),
            Named(
                name=TEMPLATE,
                says="a body of your own",
                make=None,
            ),
        )
    }
)


def shape_of(name: str, text: str = "", content_type: str = "application/json") -> Shape:
    """The shape called `name`; `text` and `content_type`: of the template, where it is one. Raises `KeyError` for a
    name that there is not, `template.TemplateInvalid`."""
    made = SHAPES[name].make
    return made if made is not None else template.read(text, content_type)
