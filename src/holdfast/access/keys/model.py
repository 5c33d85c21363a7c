"""Keys as the management shows them. Times are microseconds since the epoch, by the database's clock."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.policy.decide import Bound


class Secret(NamedTuple):
    """A live secret of a key. `hint`: its last characters; `expires_at`: when a rotation ends it, None: with its key;
    `used_*`: the last use, up to a minute late."""

    id: int
    hint: str
    made_at: int
    expires_at: int | None
    used_at: int | None
    used_from: str | None
    used_agent: str | None


class Key(NamedTuple):
    """A key. `owner`: `user:alice`, `robot:team+ci`; `bounds`: what it may at most, None: all that its owner may;
    `expires_at` None: never; `secrets`: the live ones, the newest first, none: it is of no use any more;
    `suspended_*`: since when it is refused, by whose word and why, None: it is not; `slowed_until`: until when it
    may make few requests (request_limits.py)."""

    id: int
    owner: str
    name: str
    bounds: tuple[Bound, ...] | None
    made_at: int
    made_by: str
    expires_at: int | None
    secrets: tuple[Secret, ...]
    suspended_at: int | None = None
    suspended_by: str | None = None
    suspended_why: str | None = None
    slowed_until: int | None = None


class NewKey(NamedTuple):
    """A key, and its new secret, which is shown this once."""

    key: Key
    secret: str


class Asked(NamedTuple):
    """A bound as it is asked for: a role or actions, in repositories and at tags of these globs (tag None: all)."""

    repository: str
    role: str | None = None
    actions: tuple[str, ...] = ()
    tag: str | None = None
