"""Who is told: a webhook as the deliverer and a test by hand need it, with its secrets open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.access.policy.globs import TagGlob
from holdfast.registry.events.model import Event
from holdfast.webhooks import checking
from holdfast.webhooks.model import BODY_BYTES, Secrets
from holdfast.webhooks.shapes import catalogue
from holdfast.webhooks.shapes.changes import asked_for
from holdfast.webhooks.shapes.model import About, Facts, Payload, Shape, Subscription
from holdfast.webhooks.store import WebhookRow
from holdfast.webhooks.vault import Vault


class TooLong(Exception):
    """A body that is not sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Who tells. `source`: its URL as clients see it; `installation`: its id."""

    source: str
    installation: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook, ready to be told. `wanted`: whether it asks for a tag, None: it names none. `old_until`: until when
    the second of the secrets signs, too."""

    row: WebhookRow
    secrets: Secrets
    shape: Shape
    wanted: Callable[[str], bool] | None

    @property
    def id(self) -> int:
        """The webhook's number."""
        return self.row.id

    def live(self, now: int) -> Sequence[str]:
        """The secrets that sign at `now`, the newest first."""
        until = self.row.old_until
        return self.secrets.live if until is not None and until > now else self.secrets.live[:1]

    def payloads(self, registry: Registry, event: Event, facts: Facts) -> Sequence[Payload]:
        """What it is sent for an event, in this order. Raises `TooLong`."""
        about = About(
            source=registry.source,
            installation=registry.installation,
            subscription=Subscription(self.row.id, self.row.name, self.row.path),
            facts=facts,
            wanted=self.wanted,
        )
        made = self.shape(event, about) if asked_for(event, about) else ()
        for each in made:
            if len(each.body) > BODY_BYTES:
                raise TooLong(f"its body would have more than {BODY_BYTES} bytes")
        return made

    def headers(self) -> Mapping[str, str]:
        """What its owner wants to be sent with it."""
        return self.secrets.headers


def receiver_of(row: WebhookRow, vault: Vault) -> Receiver:
    """The receiver that a row describes. Raises `WrongMasterKey`."""
    globs = [TagGlob.parse(text) for text in checking.read(row.filter).tags]

    def wanted(tag: str) -> bool:
        return any(glob.matches(tag) for glob in globs)

    shape = catalogue.shape_of(row.shape, row.template or "", row.content_type)
    return Receiver(row, vault.open(row.id, row.sealed), shape, wanted if globs else None)
