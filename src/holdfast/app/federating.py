"""Keyless machines, put together: who recognises them, and who manages issuers and rules."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from holdfast.access.federation.issuers import Issuers
from holdfast.access.federation.keysets import KeySets
from holdfast.access.federation.model import FederationSettings
from holdfast.access.federation.rules import Rules
from holdfast.access.federation.service import Federation
from holdfast.access.throttle import Told
from holdfast.app.config import Settings
from holdfast.db.port import Database
from holdfast.remote.outbound import Outbound


@dataclass(frozen=True, slots=True)
class Federating:
    """What federation is made of."""

    federation: Federation
    issuers: Issuers
    rules: Rules


def federation_settings(settings: Settings) -> FederationSettings:
    """How machines' tokens are judged. They are made for the host that clients know, unless an issuer says else."""
    audience = urlsplit(settings.public_url).netloc if settings.public_url is not None else str(settings.listen)
    federation = settings.federation
    life, stale = (int(each.total_seconds()) for each in (federation.token_life, federation.keys_stale))
    return FederationSettings(audience, life, stale)


def open_federation(db: Database, settings: Settings, outbound: Outbound, told: Told) -> Federating:
    """Federation for this installation."""
    chosen = federation_settings(settings)
    keys = KeySets(db, outbound, chosen.keys_stale)
    federation = Federation(db, keys, chosen, told=told)
    return Federating(federation, Issuers(db, keys, outbound, chosen), Rules(db, federation))
