"""Issuers, rules, and what a token would come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class FederationSettings(NamedTuple):
    """`audience`: what tokens are made for, where an issuer says nothing else; `token_life`: seconds that a token may
    live in all; `keys_stale`: seconds for which the keys of an issuer that does not answer go on counting."""

    audience: str
    token_life: int = 86_400
    keys_stale: int = 86_400


class IssuerDraft(NamedTuple):
    """An issuer as an administrator describes it. `iss`: what its tokens say; '' for a preset's own. `discovery`: the
    address of its configuration (None: below `iss`); `jwks`: its keys, a JWK set, instead of asking for them;
    `audience` None: the registry's own."""

    name: str
    iss: str = ""
    audience: str | None = None
    preset: str | None = None
    discovery: str | None = None
    jwks: Mapping[str, Any] | None = None


class IssuerChange(NamedTuple):
    """What of an issuer becomes another; None: stays."""

    audience: str | None = None
    jwks: Mapping[str, Any] | None = None


class Issuer(NamedTuple):
    """An issuer. `pinned`: its keys were given; `keys`: their names, as last known; `keys_at`: when they were fetched
    (None: never, or pinned); `rules`: how many rest on it. Times in microseconds; `changed`: its version."""

    id: int
    name: str
    iss: str
    audience: str
    preset: str | None
    discovery: str | None
    pinned: bool
    keys: tuple[str, ...]
    keys_at: int | None
    rules: int
    made_at: int
    made_by: str
    changed: int


class Rule(NamedTuple):
    """Which tokens of an issuer are the robot `NAMESPACE+NAME`. `claims`: each exact, or with `*` for any run of
    characters. Times in microseconds."""

    id: int
    namespace: str
    name: str
    issuer: str
    robot: str
    claims: Mapping[str, str]
    used_at: int | None
    made_at: int
    made_by: str
    changed: int


class Tried(NamedTuple):
    """What one rule says of a token: '' it matches, else why not."""

    namespace: str
    name: str
    robot: str
    refusal: str


class Trial(NamedTuple):
    """What a token would come to. `robot`: as which it would be taken, None: it would be refused, `refusal` says why;
    `reads_only`: it speaks for a pull request; `ends_at`: microseconds; `claims`: what conditions of grants would see;
    `rules`: those that the asker may see."""

    robot: str | None
    refusal: str
    issuer: str | None
    reads_only: bool
    ends_at: int
    claims: Mapping[str, str]
    rules: tuple[Tried, ...]
